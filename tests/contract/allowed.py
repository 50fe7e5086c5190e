"""Where a format leaves room for a stranger's text, and nothing in the line says which reading is meant."""

from collections.abc import Mapping

#: Not another product's: what nobody recognises ends there.
GENERIC = frozenset({None, "syslog"})

#: (parser, field or ``*``) → why text in that field may be read as something else.
AMBIGUOUS: Mapping[tuple[str, str], str] = {
    ("comware", "user.name"): "a name of a switch holds no blank: the word `failed` in one is no name",
    ("nps", "user.name"): "NPS writes names without quotes around them: one with a comma and quotes is no name of Windows",
    ("linux_syslog", "user.effective.name"): "su names an account that exists: no stranger chose it",
    ("openvpn", "user.name"): "OpenVPN writes _ for every other sign of a common name; blanks and brackets never come",
    ("postfix", "destination.domain"): "a name of the DNS, and Postfix writes `unknown` for others",
    ("sophos_firewall", "url.domain"): "written without quotes: a name of the DNS has no blank",
    ("sophos_firewall", "threat.indicator.name"): "written without quotes: the maker's name of a threat",
    ("stormshield_sns", "source.domain"): "written without quotes: a name of the DNS or an object of the firewall",
    ("stormshield_sns", "destination.domain"): "written without quotes: a name of the DNS or an object of the firewall",
    ("veeam", "resource.name"): "the description is a sentence around a name that administrators of backups give",
    ("vmware_esxi", "user.name"): "the shell's user is an account of the host",
    ("web_access", "url.domain"): "the virtual host stands first, and the server refuses a Host with a blank",
    ("olfeo", "*"): "the filter's own log without quotes around values; UNPROVED, no line of a real one is known",
    ("rubycat", "*"): "key=value without quotes; UNPROVED, no line of a real one is known",
    ("systancia", "*"): "key=value without quotes; UNPROVED, no line of a real one is known",
    ("ucopia", "*"): "key=value without quotes; UNPROVED, no line of a real one is known",
    ("access_control", "user.full_name"): "a CSV without quotes",
}
