"""Ways in which people mark packets: rules of nft, whole scripts of nft, and rules of iptables."""

from __future__ import annotations

from pathlib import Path

RULES = {
    "a literal": "meta mark set 80",
    "a literal of all bits": "meta mark set 0xffffffff",
    "an address and a port": "ip daddr 192.0.2.10 tcp dport 80 counter meta mark set 80",
    "an anonymous set of ports": "ip daddr 192.0.2.10 tcp dport { 80, 443 } counter meta mark set 80",
    "a range of ports": "tcp dport 10000-20000 meta mark set 21",
    "ports and a range": "tcp dport { 21, 10000-20000 } meta mark set 21",
    "not a port": "tcp dport != 80 meta mark set 21",
    "not among ports": "tcp dport != { 80, 443 } meta mark set 21",
    "not in a range": "udp dport != 100-200 meta mark set 21",
    "more than a port": "tcp dport > 1024 meta mark set 1",
    "a network": "ip daddr 192.0.2.0/24 meta mark set 1",
    "a network that is no bytes": "ip daddr 192.0.2.64/27 meta mark set 1",
    "not a network": "ip daddr != 10.0.0.0/8 meta mark set 1",
    "a range of addresses": "ip daddr 192.0.2.10-192.0.2.13 meta mark set 1",
    "networks and addresses": "ip daddr { 192.0.2.0/28, 198.51.100.7, 203.0.113.5-203.0.113.9 } meta mark set 1",
    "an address of IPv6": "ip6 daddr 2001:db8::10 tcp dport 443 meta mark set 443",
    "a network of IPv6": "ip6 daddr 2001:db8:1::/48 meta mark set 443",
    "addresses of IPv6": "ip6 daddr { 2001:db8::10, 2001:db8:2::/64 } udp dport 53 meta mark set 53",
    "a source": "ip saddr 198.51.100.0/24 ip daddr 192.0.2.10 meta mark set 3",
    "both addresses whole": "ip saddr 198.51.100.1 ip daddr 192.0.2.10 meta mark set 3",
    "both ports": "tcp sport 1000 tcp dport 80 meta mark set 3",
    "a protocol": "meta l4proto sctp meta mark set 132",
    "several protocols": "meta l4proto { tcp, udp } th dport 53 meta mark set 53",
    "a protocol by its header": "ip protocol udp meta mark set 17",
    "a family": "meta nfproto ipv6 meta mark set 6",
    "an interface": 'iifname "eth0" tcp dport 80 meta mark set 80',
    "interfaces that begin alike": 'iifname "eth*" meta mark set 80',
    "several interfaces": 'iifname { "eth0", "eth1" } meta mark set 80',
    "not an interface": 'iifname != "eth0" meta mark set 80',
    "an interface by its number": 'iif "lo" meta mark set 80',
    "not an interface by its number": 'iif != "lo" meta mark set 80',
    "bits that are added": "meta mark set meta mark | 0x10",
    "bits that are kept": "meta mark set meta mark & 0xff",
    "bits that are turned": "meta mark set meta mark ^ 0x3",
    "bits that are replaced": "meta mark set meta mark & 0xffffff00 | 0x50",
    "only of packets without a mark": "meta mark 0 meta mark set 80",
    "only of packets with bits": "meta mark & 0xff == 0x10 meta mark set 80",
    "only of packets with one of some marks": "meta mark { 1, 2, 0x50 } meta mark set 80",
    "the connection's mark restored": "meta mark set ct mark",
    "the connection's mark saved": "ct mark set meta mark",
    "bits of the connection's mark": "meta mark set ct mark & 0xff",
    "a literal for the connection": "tcp dport 80 ct mark set 80",
    "a bit for the connection": "ct mark set ct mark | 0x1",
    "set and saved": "ct state new meta mark set 0x50 ct mark set meta mark",
    "restored if there is one": "ct mark != 0 meta mark set ct mark",
    "states": "ct state established,related meta mark set 1",
    "not a state": "ct state != invalid meta mark set 1",
    "an address of the original packet": "ct original ip daddr 192.0.2.10 meta mark set 1",
    "a direction": "ct direction reply meta mark set 1",
    "a status": "ct status dnat meta mark set 1",
    "local addresses": "fib daddr type local meta mark set 1",
    "by turns": "numgen inc mod 2 0 meta mark set 1",
    "by turns with a map": "meta mark set numgen inc mod 3 map { 0 : 10, 1 : 11, 2 : 12 }",
    "flags": "tcp flags & (syn | ack) == syn meta mark set 1",
    "a limit": "limit rate 10/second burst 5 packets meta mark set 1",
    "a comment": 'tcp dport 80 meta mark set 80 comment "web of \\\\ shop"',
    "a comment of other scripts": 'meta mark set 80 comment "größe 負荷"',
    "a counter behind": "tcp dport 80 meta mark set 80 counter",
    "a verdict behind": "tcp dport 80 meta mark set 80 accept",
    "a log before": 'tcp dport 80 log prefix "counter" meta mark set 80',
    "a condition behind, which comes too late": "meta mark set 80 tcp dport 80 counter",
    "a map of addresses": "meta mark set ip daddr map { 192.0.2.10 : 80, 192.0.2.11 : 81, 192.0.2.12 : 80 }",
    "a map of networks": "meta mark set ip daddr map { 192.0.2.0/25 : 1, 192.0.2.128-192.0.2.140 : 2, * : 3 }",
    "a map of ports": "ip daddr 192.0.2.10 meta mark set tcp dport map { 80 : 80, 443 : 80, 21 : 21, 1000-2000 : 21 }",
    "a map of joined keys": "meta mark set ip daddr . tcp dport map { 192.0.2.1 . 80 : 1, 192.0.2.2 . 443 : 2 }",
    "joined keys": "ip daddr . tcp dport { 192.0.2.1 . 80, 192.0.2.1 . 443 } meta mark set 1",
    "joined keys of several": "ip daddr . tcp dport { 192.0.2.1 . 80, 192.0.2.2 . 443 } meta mark set 1",
    "joined intervals": "ip daddr . tcp dport { 192.0.2.0/24 . 80-90, 198.51.100.1 . 443 } meta mark set 1",
    "an interval of marks": "meta mark 16-31 meta mark set 1",
    "echo requests": "icmp type echo-request meta mark set 8",
    "echo requests of IPv6": "icmpv6 type { echo-request, nd-router-advert } meta mark set 8",
    "a packet's type": "meta pkttype 0 meta mark set 1",
    "an owner": "meta skuid 1000 meta mark set 1",
    "a length": "ip length 100-200 meta mark set 1",
    "a time to live": "ip ttl < 5 meta mark set 1",
    "a class": "ip dscp cs1 meta mark set 1",
    "a mark of the socket": "socket mark 7 meta mark set 1",
    "a helper": 'ct helper "ftp" meta mark set 21',
    "a chance": "meta random > 1000000000 meta mark set 12",
    "a connection by its number": "ct id 12345 meta mark set 16",
    "a mark of the connection": "ct mark 0x50 meta mark set 0x51",
}
"""Rules of nft, each to stand alone in a base chain."""

SCRIPTS = {
    "named sets": """
table inet web {
	set vips { type ipv4_addr; flags interval; elements = { 192.0.2.10, 192.0.2.64/27 } }
	set vips6 { type ipv6_addr; elements = { 2001:db8::10, 2001:db8::11 } }
	set ports { type inet_service; elements = { 80, 443 } }
	set none { type ipv4_addr; }
	chain pre {
		type filter hook prerouting priority mangle;
		ip daddr @vips tcp dport @ports counter meta mark set 80
		ip6 daddr @vips6 tcp dport @ports counter meta mark set 80
		ip daddr != @vips meta mark set 81
		ip daddr @none meta mark set 82
	}
}""",
    "a named set of joined keys": """
table ip web {
	set services {
		type ipv4_addr . inet_proto . inet_service
		elements = { 192.0.2.10 . tcp . 80, 192.0.2.10 . udp . 53 }
	}
	chain pre {
		type filter hook prerouting priority -150;
		ip daddr . meta l4proto . th dport @services meta mark set 80
	}
}""",
    "a named map": """
table inet web {
	map marks { type ipv4_addr : mark; elements = { 192.0.2.10 : 80, 192.0.2.11 : 81 } }
	chain pre {
		type filter hook prerouting priority -150;
		tcp dport 80 meta mark set ip daddr map @marks
	}
}""",
    "a set that packets fill": """
table inet web {
	set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
	chain pre {
		type filter hook prerouting priority -150;
		tcp dport 80 add @seen { ip saddr } meta mark set 1
		ip saddr @seen meta mark set 2
	}
}""",
    "jumps": """
table inet web {
	chain deep { counter meta mark set 1 }
	chain shop { ip daddr 192.0.2.10 jump deep; meta mark set 2 }
	chain pre { type filter hook prerouting priority -150; tcp dport { 80, 443 } jump shop; goto deep }
	chain out { type route hook output priority -149; tcp dport 8080 goto shop }
}""",
    "a chain that nothing leads to": """
table inet web {
	chain lost { tcp dport 80 meta mark set 1 }
	chain lost2 { jump lost }
}""",
    "a verdict map": """
table inet web {
	chain http { meta mark set 80 }
	chain ftp { counter meta mark set 21 }
	chain pre {
		type filter hook prerouting priority -150;
		ip daddr 192.0.2.10 tcp dport vmap { 80 : jump http, 443 : jump http, 20-21 : goto ftp, 25 : drop }
	}
}""",
    "a named verdict map": """
table ip web {
	map ways {
		type ipv4_addr : verdict
		flags interval
		elements = { 192.0.2.10 : jump http, 192.0.2.64/26 : jump http }
	}
	chain http { meta mark set 80 }
	chain pre { type filter hook prerouting priority -150; ip daddr vmap @ways }
}""",
    "joined verdict map": """
table ip web {
	chain http { meta mark set 80 }
	chain pre {
		type filter hook prerouting priority -150
		ip daddr . tcp dport vmap { 192.0.2.10 . 80 : jump http, 192.0.2.10 . 443 : jump http }
	}
}""",
    "families": """
table ip four {
	chain pre { type filter hook prerouting priority -150; tcp dport 80 meta mark set 4; }
}
table ip6 six {
	chain pre { type filter hook prerouting priority -150; tcp dport 80 meta mark set 6; }
}
table inet both {
	chain in { type filter hook input priority 90; meta mark set 1; }
}
table bridge ports {
	chain pre { type filter hook prerouting priority -300; ip daddr 192.0.2.1 tcp dport 80 meta mark set 7; }
}
table arp arps {
	chain in { type filter hook input priority 0; meta mark set 8; }
}
table netdev lines {
	chain in { type filter hook ingress device "lo" priority -500; ip daddr 192.0.2.1 meta mark set 5; }
}
table inet line {
	chain in { type filter hook ingress device "lo" priority -500; meta mark set 9; }
}""",
    "all hooks": """
table inet every {
	chain a { type filter hook prerouting priority raw; meta mark set 1; }
	chain b { type filter hook input priority security; meta mark set 2; }
	chain c { type filter hook forward priority filter; meta mark set 3; }
	chain d { type route hook output priority mangle; meta mark set 4; }
	chain e { type filter hook postrouting priority srcnat; meta mark set 5; }
	chain f { type nat hook prerouting priority dstnat; meta mark set 6; }
}""",
    "a dormant table": """
table inet web {
	flags dormant
	chain pre { type filter hook prerouting priority -150; tcp dport 80 meta mark set 80; }
}""",
    "named counters": """
table inet web {
	counter http { packets 7 bytes 900 }
	chain pre {
		type filter hook prerouting priority -150
		tcp dport 80 counter name "http" meta mark set 80
		tcp dport 8080 counter name http meta mark set 80
	}
}""",
    "rules that only ask": """
table inet web {
	chain pre {
		type filter hook prerouting priority -150
		meta mark 80 accept
		ct mark 80 counter
		tcp dport 80 meta priority set 1:1
		tcp dport 80 ct zone set 1
	}
}""",
    "joined keys of several values": """
table ip web {
	chain prerouting {
		type filter hook prerouting priority -151
		meta mark set ip daddr . ip protocol . th dport map {
			192.0.2.10 . tcp . 80 : 1000, 192.0.2.10 . tcp . 443 : 1000, 192.0.2.11 . udp . 53 : 1000,
			192.0.2.12 . udp . 53 : 7
		}
	}
}""",
    "kube-proxy's marks": """
table ip nat {
	chain KUBE-MARK-MASQ { counter meta mark set meta mark or 0x4000 }
	chain KUBE-SVC-A { ip saddr != 10.244.0.0/16 ip daddr 10.96.0.1 tcp dport 443 jump KUBE-MARK-MASQ }
	chain KUBE-SVC-B { jump KUBE-MARK-MASQ }
	chain KUBE-SERVICES {
		ip daddr 10.96.0.1 tcp dport 443 jump KUBE-SVC-A
		ip daddr 10.96.0.2 udp dport 53 jump KUBE-SVC-B
	}
	chain PREROUTING { type nat hook prerouting priority dstnat; jump KUBE-SERVICES }
	chain OUTPUT { type nat hook output priority -100; jump KUBE-SERVICES }
}""",
}
SCRIPTS |= {path.stem: path.read_text() for path in (Path(__file__).parent / "rulesets").glob("*.nft")}
"""Whole scripts of nft; of firewalld and keepalived what nft listed after they had written them."""

IPTABLES = {
    "set-mark": "-j MARK --set-mark 80",
    "set-xmark": "-j MARK --set-xmark 0x50/0xff",
    "set-mark with a mask": "-j MARK --set-mark 0x1ff/0xff",
    "or-mark": "-j MARK --or-mark 0x10",
    "and-mark": "-j MARK --and-mark 0xff",
    "xor-mark": "-j MARK --xor-mark 0x3",
    "a port": "-p tcp --dport 80 -j MARK --set-mark 80",
    "a port of sctp": "-p sctp --dport 36412 -j MARK --set-mark 80",
    "not a source port of sctp": "-p sctp ! --sport 1:99 -j MARK --set-mark 80",
    "a range of ports": "-p tcp --dport 8000:8010 -j MARK --set-mark 80",
    "not a port": "-p udp ! --dport 53 -j MARK --set-mark 80",
    "a source port": "-p udp --sport 53 -j MARK --set-mark 80",
    "multiport": "-p tcp -m multiport --dports 80,443 -j MARK --set-mark 80",
    "multiport with ranges": "-p tcp -m multiport --dports 21,10000:20000,30000 -j MARK --set-mark 21",
    "multiport of sources": "-p udp -m multiport --sports 53,5353 -j MARK --set-mark 53",
    "multiport of either": "-p tcp -m multiport --ports 80,443 -j MARK --set-mark 80",
    "not multiport": "-p tcp -m multiport ! --dports 80,443 -j MARK --set-mark 80",
    "an interface": "-i eth0 -p tcp --dport 80 -j MARK --set-mark 80",
    "not an interface": "! -i eth0 -j MARK --set-mark 80",
    "interfaces that begin alike": "-i eth+ -j MARK --set-mark 80",
    "a protocol": "-p 132 -j MARK --set-mark 80",
    "not a protocol": "! -p tcp -j MARK --set-mark 80",
    "a mark": "-m mark --mark 0x10/0xff -j MARK --set-mark 80",
    "not a mark": "-m mark ! --mark 0 -j MARK --set-mark 80",
    "a mark of the connection": "-m connmark --mark 0x10/0xff -j MARK --set-mark 80",
    "states": "-m conntrack --ctstate NEW,RELATED -j MARK --set-mark 80",
    "not a state": "-m conntrack ! --ctstate INVALID -j MARK --set-mark 80",
    "the old match of states": "-m state --state NEW -j MARK --set-mark 80",
    "local addresses": "-m addrtype --dst-type LOCAL -j MARK --set-mark 80",
    "not local addresses": "-m addrtype ! --dst-type LOCAL -j MARK --set-mark 80",
    "saved": "-j CONNMARK --save-mark",
    "saved in part": "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xffff",
    "restored": "-j CONNMARK --restore-mark",
    "restored in part": "-j CONNMARK --restore-mark --nfmask 0xffff --ctmask 0xff",
    "a mark for the connection": "-p tcp --dport 80 -j CONNMARK --set-xmark 0x50/0xff",
    "a comment": '-p tcp --dport 80 -m comment --comment "the shop\'s \\"web\\"" -j MARK --set-mark 80',
    "TPROXY": "-p tcp --dport 80 -j TPROXY --on-port 3128 --tproxy-mark 0x1/0xff",
    "flags": "-p tcp --tcp-flags SYN,ACK SYN -j MARK --set-mark 80",
    "an ipset": "-m set --match-set shops dst -j MARK --set-mark 80",
    "not in an ipset of two fields": "-p tcp -m set ! --match-set doors dst,dst -j MARK --set-mark 80",
}
"""Rules of iptables and ip6tables alike, to be appended to the chain PREROUTING of mangle."""

IPV4 = {
    "an address": "-d 192.0.2.10 -p tcp --dport 80 -j MARK --set-mark 80",
    "a network": "-d 192.0.2.0/24 -j MARK --set-mark 80",
    "a network that is no bytes": "-d 192.0.2.64/27 -j MARK --set-mark 80",
    "not an address": "! -d 192.0.2.10 -j MARK --set-mark 80",
    "a source": "-s 198.51.100.0/24 -d 192.0.2.10 -j MARK --set-mark 80",
    "a mask with holes": "-d 10.0.0.1/255.0.0.255 -j MARK --set-mark 80",
    "a range of addresses": "-m iprange --dst-range 192.0.2.10-192.0.2.13 -j MARK --set-mark 80",
    "two ranges": "-m iprange --src-range 10.0.0.1-10.0.0.9 ! --dst-range 10.1.0.1-10.1.0.3 -j MARK --or-mark 1",
}
IPV6 = {
    "an address": "-d 2001:db8::10 -p tcp --dport 80 -j MARK --set-mark 80",
    "a network": "-d 2001:db8::/32 -j MARK --set-mark 80",
    "a network that is no bytes": "-d 2001:db8::/45 -j MARK --set-mark 80",
    "not an address": "! -d 2001:db8::10 -j MARK --set-mark 80",
    "a range of addresses": "-m iprange --dst-range 2001:db8::10-2001:db8::12 -j MARK --set-mark 80",
}
