"""Files with what the samples and manuals of keepalived and ldirectord show, in words of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lvstui.formats.foreign.recognise import Form

_CHECKED: Final = """\
! Servers by NAT that are asked in every way, none of them before ten minutes have passed
global_defs {
   notification_email {
     root@example.net
   }
   smtp_server 192.0.2.250
   smtp_connect_timeout 30
   router_id LAB
   lvs_timeouts tcp 800 tcpfin 100 udp 250
}
virtual_server 192.0.2.100 443 {
    delay_loop 900
    lb_algo rr
    lb_kind NAT
    persistence_timeout 50
    protocol TCP
    virtualhost shop.example.net

    real_server 10.20.1.1 443 {
        weight 1
        SSL_GET {
            url {
              path /
              digest 00112233445566778899aabbccddeeff
            }
            url {
              path /second
              status_code 200 300-302
            }
            connect_port    444
            connect_timeout 3
            retry 3
            delay_before_retry 3
        }
    }
    real_server 10.20.1.2 443 {
        weight 2
        inhibit_on_failure   ! weight 0 in place of going
        MISC_CHECK {
            misc_path "/bin/true with arguments"
            misc_timeout 5
        }
        TCP_CHECK { connect_timeout 2 }
    }
}
virtual_server 192.0.2.100 25
{
    delay_loop 900
    lvs_sched wlc
    lvs_method DR
    protocol TCP
    sorry_server 10.20.2.9 25
    quorum 2
    hysteresis 1
    quorum_up "/bin/true up"
    quorum_down /bin/true
    real_server 10.20.2.1 25 {
        SMTP_CHECK {
            helo_name "lab.example.net"
            connect_timeout 10
            host {
                connect_ip 10.20.2.1
                connect_port 25
            }
        }
        notify_up "/bin/true server up"
        notify_down /bin/true
    }
    real_server 10.20.2.2 25 {
        weight 3
        SMTP_CHECK {
            connect_timeout 10
        }
    }
}
virtual_server 192.0.2.53 53 {
    delay_loop 900
    lb_algo sh
    sh-port
    sh-fallback
    lb_kind TUN
    protocol UDP
    ops
    real_server 10.20.3.1 53 {
        lvs_method TUN type gue port 6080 csum
        uthreshold 500
        lthreshold 400
        UDP_CHECK {
            connect_timeout 3
            payload 00 01 02
            require_reply
        }
    }
    real_server 10.20.3.2 53 {
        DNS_CHECK {
            type A
            name example.net
        }
    }
    real_server 10.20.3.3 53 {
        PING_CHECK {
        }
    }
}
"""

_GROUPS: Final = """\
# Groups, ranges, marks of both families, definitions, conditions
$LOOP=delay_loop 900
virtual_server_group WEB {
    192.0.2.1 8080
    192.0.2.2 80
    198.51.100.3-6 80
    198.51.100.16/30 443
    fwmark 1
    fwmark 2
}
virtual_server_group SIX {
    2001:db8::a0-a3 80
    2001:db8::1 80
}
virtual_server group WEB {
    $LOOP
    lb_algo rr
    lb_kind NAT
    persistence_timeout 50
    protocol TCP
    ~SEQ(N, 1, 1, 3) real_server 10.21.0.$N 1358 { weight $N }
}
virtual_server group SIX {
    $LOOP
    lb_algo mh
    mh-port
    lb_kind DR
    protocol TCP
    weight 4
    real_server fd00::10 {
@^other        weight 7
    }
    real_server fd00::11 80 {
    }
}
virtual_server fwmark 7 {
    $LOOP
    lb_algo lc
    lb_kind NAT
    persistence_timeout
    real_server 10.21.1.1 80 { weight 1 }
    real_server 10.21.1.2 0 { weight 0 }
}
virtual_server fwmark 7 {
    ip_family inet6
    $LOOP
    lb_algo wrr
    lb_kind TUN
    persistence_granularity 64
    real_server 10.21.1.1 { weight 1 }
    real_server fd00::2 { weight 1 }
}
virtual_server 192.0.2.9 0 {
    $LOOP
    lb_kind DR
    protocol SCTP
    persistence_granularity 255.255.255.0
    persistence_engine sip
    flag-1
    real_server 10.21.2.1 9 { weight 65536 }
}
"""

_LDIRECTORD: Final = """\
# Global Directives
checktimeout = 3
checkinterval=600
autoreload=yes
quiescent=no
logfile="/dev/null"

# A range, a single server, and a page that would be looked for in each answer
virtual=192.0.2.240:80
\tservicename=Web Site
\tcomment=balanced by hand
\treal=10.22.0.2->10.22.0.3:80 gate
\treal=10.22.0.32:80 gate 5
\tfallback=127.0.0.1:80 gate
\tservice=none
\tscheduler=rr
\t#persistent=600
\tprotocol=tcp
\trequest="index.html"
\treceive="Test Page"
\tvirtualhost=www.example.net
virtual=192.0.2.240:443
    real=10.22.1.3:443 masq
    real=10.22.1.5:8443 masq 2 "ok.html", "fine"
    checktype=on
    scheduler=wlc     # kept as it is
    scheduler=sed
    persistent=600
    netmask=255.255.255.0
virtual=1
\treal=10.22.0.2 ipip 1 l:10 u:20
\treal=10.22.0.4:8080 masq 3
\tprotocol=fwm
\tchecktype=on
\tcheckport=80
virtual6=[2001:db8::1]:53
\treal6=[fd00::2]:53 gate 3
\treal6=[fd00::3]:5353 masq
\tchecktype=on
\tschedflags=flag-2
\tops=yes
virtual6=1
\treal6=[fd00::2] gate
\tprotocol=fwm
\tchecktype=on
"""

SAMPLES: Final[Mapping[Form, tuple[str, ...]]] = {
    Form.KEEPALIVED: (_CHECKED, _GROUPS),
    Form.LDIRECTORD: (_LDIRECTORD,),
}
