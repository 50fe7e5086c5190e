"""What the kernel writes as numbers: record types, and system calls of the architectures that servers have."""

__all__ = ["SYSCALLS", "TYPES"]

TYPES = {
    1006: "LOGIN", 1100: "USER_AUTH", 1101: "USER_ACCT", 1102: "USER_MGMT", 1103: "CRED_ACQ", 1104: "CRED_DISP",
    1105: "USER_START", 1106: "USER_END", 1107: "USER_AVC", 1108: "USER_CHAUTHTOK", 1109: "USER_ERR", 1110: "CRED_REFR",
    1111: "USYS_CONFIG", 1112: "USER_LOGIN", 1113: "USER_LOGOUT", 1114: "ADD_USER", 1115: "DEL_USER", 1116: "ADD_GROUP",
    1117: "DEL_GROUP", 1123: "USER_CMD", 1124: "USER_TTY", 1127: "SYSTEM_BOOT", 1128: "SYSTEM_SHUTDOWN",
    1130: "SERVICE_START", 1131: "SERVICE_STOP", 1200: "DAEMON_START", 1201: "DAEMON_END", 1202: "DAEMON_ABORT",
    1203: "DAEMON_CONFIG", 1300: "SYSCALL", 1302: "PATH", 1303: "IPC", 1304: "SOCKETCALL", 1305: "CONFIG_CHANGE",
    1306: "SOCKADDR", 1307: "CWD", 1309: "EXECVE", 1318: "OBJ_PID", 1319: "TTY", 1320: "EOE", 1321: "BPRM_FCAPS",
    1322: "CAPSET", 1323: "MMAP", 1325: "NETFILTER_CFG", 1326: "SECCOMP", 1327: "PROCTITLE", 1330: "KERN_MODULE",
    1334: "BPF", 1400: "AVC", 1401: "SELINUX_ERR", 1403: "MAC_POLICY_LOAD", 1404: "MAC_STATUS", 1405: "MAC_CONFIG_CHANGE",
    1700: "ANOM_PROMISCUOUS", 1701: "ANOM_ABEND", 1503: "APPARMOR_DENIED",
}  # fmt: skip

_X86_64 = {
    0: "read", 1: "write", 2: "open", 3: "close", 9: "mmap", 10: "mprotect", 41: "socket", 42: "connect", 43: "accept",
    44: "sendto", 49: "bind", 50: "listen", 56: "clone", 57: "fork", 58: "vfork", 59: "execve", 62: "kill", 76: "truncate",
    77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 85: "creat", 86: "link", 87: "unlink", 88: "symlink",
    90: "chmod", 91: "fchmod", 92: "chown", 93: "fchown", 94: "lchown", 99: "sysinfo", 101: "ptrace", 103: "syslog",
    105: "setuid", 106: "setgid", 113: "setreuid", 114: "setregid", 117: "setresuid", 119: "setresgid", 133: "mknod",
    135: "personality", 157: "prctl", 159: "adjtimex", 161: "chroot", 164: "settimeofday", 165: "mount", 166: "umount2",
    167: "swapon", 169: "reboot", 170: "sethostname", 171: "setdomainname", 175: "init_module", 176: "delete_module",
    188: "setxattr", 189: "lsetxattr", 190: "fsetxattr", 197: "removexattr", 227: "clock_settime", 246: "kexec_load",
    257: "openat", 258: "mkdirat", 259: "mknodat", 260: "fchownat", 263: "unlinkat", 264: "renameat", 265: "linkat",
    266: "symlinkat", 268: "fchmodat", 272: "unshare", 288: "accept4", 304: "open_by_handle_at", 308: "setns",
    310: "process_vm_readv", 311: "process_vm_writev", 313: "finit_module", 316: "renameat2", 319: "memfd_create",
    320: "kexec_file_load", 321: "bpf", 322: "execveat", 437: "openat2",
}  # fmt: skip
_I386 = {
    5: "open", 8: "creat", 10: "unlink", 11: "execve", 14: "mknod", 15: "chmod", 21: "mount", 26: "ptrace", 37: "kill",
    38: "rename", 88: "reboot", 102: "socketcall", 103: "syslog", 116: "sysinfo", 128: "init_module", 129: "delete_module",
    136: "personality", 295: "openat", 301: "unlinkat", 350: "finit_module", 356: "memfd_create", 358: "execveat",
    362: "connect",
}  # fmt: skip
_AARCH64 = {
    33: "mknodat", 34: "mkdirat", 35: "unlinkat", 38: "renameat", 39: "umount2", 40: "mount", 53: "fchmodat", 54: "fchownat",
    56: "openat", 92: "personality", 105: "init_module", 106: "delete_module", 116: "syslog", 117: "ptrace", 129: "kill",
    142: "reboot", 179: "sysinfo", 198: "socket", 200: "bind", 203: "connect", 221: "execve", 273: "finit_module",
    276: "renameat2", 279: "memfd_create", 280: "bpf", 281: "execveat", 437: "openat2",
}  # fmt: skip

#: ``<arch> <number>`` → name of the system call.
SYSCALLS = {
    f"{arch} {number}": name
    for arch, calls in (("c000003e", _X86_64), ("40000003", _I386), ("c00000b7", _AARCH64))
    for number, name in calls.items()
}
