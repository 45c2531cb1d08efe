// Package debian knows which packages of Alpine have what well-known packages of Debian and Ubuntu have. The table is ours, and
// not complete: distributions cut their packages differently.
package debian

import (
	"slices"
	"strings"
)

// Alpine returns the packages of Alpine for one of Debian. needed is false if the image needs nothing in its place: it serves
// only compiling or Debian itself, or every image has it. known is false if the table does not have the package.
func Alpine(name string) (packages []string, needed, known bool) {
	name, _, _ = strings.Cut(name, "=") // a version of Debian's says nothing of Alpine's
	name, _, _ = strings.Cut(name, ":") // nor does an architecture
	name, _, _ = strings.Cut(name, "/") // nor a release
	if to, ok := table()[name]; ok {
		return strings.Fields(to), to != "", true
	}
	if strings.HasSuffix(name, "-dev") || slices.Contains(only(), name) {
		return nil, false, true
	}
	if strings.HasPrefix(name, "python3") {
		return nil, false, true // the runtime brings Python, and python.lock its packages
	}
	if same(name) {
		return []string{name}, true, true
	}
	return nil, false, false
}

// ForCompiling reports whether a package of Alpine only serves to compile others: wheels come compiled.
func ForCompiling(name string) bool {
	return strings.HasSuffix(name, "-dev") || strings.HasSuffix(name, "-headers") ||
		slices.Contains([]string{"gcc", "g++", "build-base", "make", "cmake", "cargo", "rust", "rustup", "clang", "meson", "ninja", "patch", "pkgconf", "pkgconfig", "autoconf", "automake", "libtool", "swig", "gfortran"}, name)
}

// only are packages that serve compiling or Debian itself.
func only() []string {
	return []string{"build-essential", "gcc", "g++", "make", "cmake", "pkg-config", "pkgconf", "cargo", "rustc", "clang", "gfortran", "ninja-build", "patch", "autoconf", "automake", "libtool", "swig",
		"apt-utils", "apt-transport-https", "software-properties-common", "lsb-release", "debconf-utils", "dirmngr", "gnupg2", "locales", "libc6", "musl-dev", "musl"}
}

// same reports whether both distributions have a package of that name with that in it.
//
//nolint:misspell // names of packages
func same(name string) bool {
	return slices.Contains(strings.Fields(`bash bzip2 ca-certificates coreutils curl dumb-init exiftool ffmpeg file findutils fontconfig
		gawk gettext ghostscript git git-lfs graphviz grep gzip htop imagemagick iproute2 iptables jq less librsvg lsof lz4 make mosquitto nano
		net-tools nginx nodejs npm openssh openssl p7zip pandoc parallel perl pigz rsync ruby sed socat sqlite strace subversion sudo
		supervisor tar tesseract-ocr tini tmux tree tzdata unzip vim wget which xz zip zsh zstd`), name)
}

// table maps packages of Debian to those of Alpine; "" means that nothing is needed in its place.
func table() map[string]string {
	return map[string]string{
		"bluez": "bluez", "cron": "", "default-jre-headless": "openjdk21-jre-headless", "default-libmysqlclient-dev": "", "default-mysql-client": "mariadb-client",
		"dnsutils": "bind-tools", "bind9-dnsutils": "bind-tools", "fonts-dejavu": "font-dejavu", "fonts-dejavu-core": "font-dejavu", "fonts-liberation": "font-liberation",
		"fonts-noto": "font-noto", "gdal-bin": "gdal-tools", "gettext-base": "gettext-envsubst", "gnupg": "gnupg", "gosu": "su-exec", "gsfonts": "ghostscript-fonts",
		"iputils-ping": "iputils", "libblas3": "openblas", "libopenblas0": "openblas", "libcairo2": "cairo", "libcurl4": "libcurl", "libexpat1": "libexpat", "libffi8": "libffi", "libffi7": "libffi",
		"libfontconfig1": "fontconfig", "libfreetype6": "freetype", "libgdk-pixbuf-2.0-0": "gdk-pixbuf", "libgdk-pixbuf2.0-0": "gdk-pixbuf", "libgeos-c1v5": "geos", "libgl1": "mesa-gl",
		"libgl1-mesa-glx": "mesa-gl", "libglib2.0-0": "glib", "libglib2.0-0t64": "glib", "libgomp1": "libgomp", "libharfbuzz0b": "harfbuzz", "libicu72": "icu-libs", "libicu76": "icu-libs",
		"libjpeg62-turbo": "libjpeg-turbo", "libjpeg-turbo8": "libjpeg-turbo", "liblapack3": "openblas", "libldap-2.5-0": "libldap", "libldap-common": "", "libmagic1": "libmagic", "libmagic1t64": "libmagic",
		"libmariadb3": "mariadb-connector-c", "libmemcached11": "libmemcached-libs", "libopenjp2-7": "openjpeg", "libpango-1.0-0": "pango", "libpangocairo-1.0-0": "pango", "libpangoft2-1.0-0": "pango",
		"libpcre3": "pcre", "libpng16-16": "libpng", "libpq5": "libpq", "libproj25": "proj", "libsasl2-2": "libsasl", "libsm6": "libsm", "libsndfile1": "libsndfile", "libsqlite3-0": "sqlite-libs",
		"libssl3": "libssl3 libcrypto3", "libssl1.1": "libssl3 libcrypto3", "libstdc++6": "libstdc++", "libtiff6": "tiff", "libusb-1.0-0": "libusb", "libwebp7": "libwebp", "libx11-6": "libx11", "libxext6": "libxext",
		"libxml2": "libxml2", "libxmlsec1": "xmlsec", "libxmlsec1-openssl": "xmlsec", "libxrender1": "libxrender", "libxslt1.1": "libxslt", "libyaml-0-2": "yaml", "libzmq5": "libzmq", "zlib1g": "zlib",
		"libgcc-s1": "libgcc", "libcap2-bin": "libcap", "libportaudio2": "portaudio", "mime-support": "mailcap", "media-types": "mailcap", "mysql-client": "mariadb-client", "mariadb-client": "mariadb-client",
		"netcat": "netcat-openbsd", "netcat-openbsd": "netcat-openbsd", "netcat-traditional": "netcat-openbsd", "nmap": "nmap", "openjdk-17-jre-headless": "openjdk17-jre-headless", "openssh-client": "openssh-client-default",
		"poppler-utils": "poppler-utils", "postgresql-client": "postgresql-client", "procps": "procps-ng", "proj-bin": "proj-util", "psmisc": "psmisc", "redis-tools": "redis", "shared-mime-info": "shared-mime-info",
		"sqlite3": "sqlite", "ssh": "openssh-client-default", "telnet": "", "traceroute": "", "ttf-dejavu": "font-dejavu", "util-linux": "util-linux", "vim-tiny": "vim", "xz-utils": "xz", "python-is-python3": "",
	}
}
