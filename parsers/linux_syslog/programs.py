"""Which lines of syslog are Linux's: those of programs that Linux distributions ship, by the tag they write.

A tag alone does not say who sent a line: switches, cameras and appliances write ``name[pid]:`` as well. So the names are a
closed list of what Debian, Ubuntu, Red Hat and SUSE ship and what runs on nothing else in a town's network, the tags that hold
a path of a Unix file system, and whatever PAM says. The rest is for ``syslog``.
"""

from re import escape

from correlator.parse.formats.tagged import PLAIN_HEAD, SENTENCE
from parsers.linux_syslog.odd import ODD

__all__ = ["PATTERN", "QUOTING", "SURE"]

_NAMES = (
    # who comes in, who becomes whom, accounts
    "sshd sshd-session sshd-auth sudo sudoedit su login runuser pkexec polkitd useradd usermod userdel groupadd groupmod "
    "groupdel gpasswd passwd chpasswd chage chsh chfn adduser newusers newgrp vipw usermgr doas fail2ban-server fail2ban "
    "sssd sssd_be sssd_nss sssd_pam sssd_ssh nslcd nscd winbindd realmd adcli krb5kdc kadmind google-authenticator "
    "systemd-logind elogind agetty getty mingetty xrdp xrdp-sesman gdm gdm-password lightdm sddm kcheckpass "
    # jobs
    "cron crond CRON CROND crontab anacron atd run-parts logrotate updatedb mandb fcron systemd-cron rsnapshot etckeeper "
    # the system itself
    "kernel systemd init dracut dracut-initqueue plymouthd udevd udisksd upowerd accounts-daemon dbus dbus-daemon "
    "dbus-broker dbus-broker-launch rsyslogd syslog-ng syslogd sysklogd klogd journal auditd augenrules audispd "
    "audisp-syslog irqbalance acpid smartd mdadm lvm lvmetad dmeventd multipathd iscsid rngd haveged thermald tuned "
    "ModemManager NetworkManager nm-dispatcher networkd-dispatcher wpa_supplicant dhclient dhcpcd avahi-daemon chronyd "
    "ntpdate ntpd timedatectl rtkit-daemon firewalld ufw nft iptables ulogd netfilter-persistent ferm fwupd fwupdmgr "
    "packagekitd apt apt-get aptitude dpkg unattended-upgrade unattended-upgrades dnf dnf-automatic yum rpm zypper zypp "
    "snapd kexec earlyoom oom_reaper abrtd abrt-server apport whoopsie apparmor apparmor_parser aa-notify setroubleshoot "
    "sedispatch auoms omsagent needrestart cloud-init cloud-init-local waagent qemu-ga vmtoolsd open-vm-tools VGAuth "
    "VGAuthService hv_kvp_daemon hv_vss_daemon libvirtd virtqemud virtlogd logger "
    # what servers run, where no parser of its own takes the line
    "clamd clamav clamscan clamonacc freshclam clamav-milter vsftpd proftpd pure-ftpd guacd guacamole rpcbind rpc.mountd "
    "rpc.statd rpc.idmapd nfsd nfsdcld autofs automount cupsd cups-browsed snmpd snmptrapd xinetd inetd in.tftpd tftpd "
    "atftpd rsyncd sftp-server telnetd in.telnetd lldpd keepalived corosync pacemakerd pacemaker-controld crmd heartbeat "
    "drbd monit nrpe nagios-nrpe-server collectd telegraf zabbix_agentd zabbix_agent2 munin-node node_exporter "
    "puppet-agent puppetd chef-client salt-minion ansible ansible-command containerd dockerd docker podman conmon crio "
    "runc kubelet k3s flanneld glances memcached redis-server etcd consul vault sympa certbot osqueryd wazuh-agent ossec "
    "ossec-syscheckd falco aide rkhunter chkrootkit lynis tocsin tocsin-proof "
)
_FAMILIES = (
    "systemd-[a-z0-9-]+",
    r"snapd\.[a-z0-9.-]+",
    "snap\\.[A-Za-z0-9._-]+",
    "pam_[a-z0-9_]+",
    r"fail2ban\.[a-z]+",
    "org\\.(?:freedesktop|gnome)\\.[A-Za-z0-9._-]+",
    "gnome-[a-z-]+",
    "gvfsd?-?[a-z0-9-]*",
    "dbus\\[[0-9]+\\]",
    "auoms[a-z]*",
    "ansible-[a-z_.]+",
)

_NAME = rf"\(?(?:{'|'.join([*map(escape, _NAMES.split()), *_FAMILIES])})\)?"
_PATH = r"\(?/(?:usr|bin|sbin|opt|lib|lib64|libexec|etc|root|snap|USR|BIN|SBIN)/[A-Za-z0-9_./+-]{1,100}\)?"
_ENDED = r"(?:\([a-z_]{1,32}\))?(?:\[[^\] ]{1,24}\](?: <[A-Za-z]+>)?:?|:)"
_MODERN = r" (?:[0-9]+|-) [^ ]+ (?:-|\[)"  # RFC 5424: process, kind, data
_PAM = r"[A-Za-z0-9_./()@+-]{1,64}(?:\[[^\] ]{1,24}\])?: pam_[a-z0-9_]{1,32}\([^)]*\):? "

_THEIRS = rf"(?:(?:{_NAME}|{_PATH})(?:{_ENDED}{SENTENCE}|{_MODERN})|{_PAM})"
_FILE, _PACKET, _TWICE, _BANS = ODD

PATTERN = rf"{PLAIN_HEAD}{_THEIRS}|{_TWICE}{_THEIRS}|{_PACKET}|{_FILE}|{_BANS}"

#: The plainest of them, for few records (Python's regexes, ASCII).
SURE = (
    r"(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}|"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})) "
    r"[A-Za-z0-9_][A-Za-z0-9_.-]* "
    r"(?:sshd|sshd-session|sudo|su|CRON|cron|systemd|systemd-logind|kernel|rsyslogd)(?:\[[0-9]{1,10}\])?: [A-Za-z(\[]"
)

_QUOTING = (
    "sshd sshd-session sshd-auth sudo sudoedit su login runuser pkexec polkitd useradd usermod userdel groupadd groupmod "
    "groupdel gpasswd passwd chpasswd chage chsh chfn cron crond crontab systemd-logind xrdp-sesman vsftpd proftpd "
    "pure-ftpd fail2ban fail2ban-server"
)
#: Those that quote strangers: whoever knocks at a door chooses the name that is written down.
QUOTING = tuple(_QUOTING.split())
