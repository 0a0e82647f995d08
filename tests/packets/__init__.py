"""Real packets through the rules of a real packet filter: what their walks say is compared with what they get.

`network` builds two namespaces and records what reaches IPVS's place, `native` and `xtables` generate rules, `referee`
compares, and the campaign `walk` does that for as long as one likes.
"""
