//! Names that a library for other languages cannot have.

use super::kind::Kind;

/// What functions of the C library begin with: the network's would collide with them.
const C: &str = "cnd mq mtx posix_spawnattr pthread sem thrd timer tss";

/// Words that have a meaning in Python.
const KEYWORDS: &str = "False None True and as assert async await break class continue def del elif else except finally for from \
                        global if import in is lambda nonlocal not or pass raise return try while with yield";

/// Python's own modules, which are found before any that is installed.
const MODULES: &str = "abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii bisect builtins \
                       bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall compression \
                       concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal \
                       difflib dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch \
                       fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http \
                       idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale logging \
                       lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt \
                       ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools pipes pkgutil \
                       platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat \
                       queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex \
                       shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl \
                       stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib \
                       tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty \
                       turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg \
                       winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo numpy";

/// Whether a word is in a list, in which spaces are between the words.
pub fn among(words: &str, name: &str) -> bool {
    words.split_whitespace().any(|word| word == name)
}

/// Whether a function of Python can have an argument of this name.
pub fn is_argument(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter)
        && !name.starts_with("__")
        && name != "self"
        && name.chars().all(|c| letter(c) || c.is_ascii_digit())
        && !among(KEYWORDS, name)
}

/// Checks that an identifier can be the name of a library of this kind.
pub fn check(identifier: &str, kind: Kind) -> Result<(), &'static str> {
    if kind.has_c() && among(C, identifier) {
        Err("functions of the C library begin with it; choose another")
    } else if kind == Kind::Wheel && among(KEYWORDS, identifier) {
        Err("this word is Python's; choose another")
    } else if kind == Kind::Wheel && among(MODULES, identifier) {
        Err("Python has a module of this name; choose another")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_identifiers() {
        assert!(["x", "_a2", "left"].into_iter().all(is_argument));
        assert!(!["", "2x", "input.1", "self", "__x", "lambda", "é", "a b"].into_iter().any(is_argument));
    }

    #[test]
    fn each_language_has_its_rule() {
        for (name, refused) in [("timer", [false, true, true]), ("lambda", [false, false, true]), ("json", [false, false, true])]
        {
            assert_eq!([Kind::Lib, Kind::C, Kind::Wheel].map(|kind| check(name, kind).is_err()), refused, "{name}");
        }
        assert!([Kind::C, Kind::Wheel].into_iter().all(|kind| check("rexnet_digits", kind).is_ok()));
    }
}
