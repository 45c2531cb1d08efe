package check

import (
	"path"
	"strings"
)

// settings checks the paths, the locale and the time zone that other variables name.
func (c *checker) settings() {
	for _, name := range []string{"PYTHONPATH", "LD_LIBRARY_PATH"} {
		for dir := range strings.SplitSeq(c.env(name), ":") {
			if _, err := c.Tree.Lookup(dir); path.IsAbs(dir) && err != nil {
				c.find(Note, "environment", dir, "leave it out, or mount the folder", "%s names %s, which is not in the image", name, dir)
			}
		}
	}
	c.locale()
	c.timezone()
	c.certificates()
}

// locale checks that glibc has the locale that LC_ALL or LANG names; musl has only one and accepts any name.
func (c *checker) locale() {
	for _, name := range []string{"LC_ALL", "LANG"} {
		value := c.env(name)
		language, _, _ := strings.Cut(value, ".")
		if c.Musl || value == "" || language == "C" || language == "POSIX" {
			continue
		}
		for _, dir := range []string{"usr/lib/locale/locale-archive", "usr/lib/locale/" + value, "usr/lib/locale/" + language + ".utf8"} {
			if _, err := c.Tree.Lookup(dir); err == nil {
				return
			}
		}
		c.find(Warning, "locale", "", "set it to C.UTF-8, or generate the locale", "%s is %s, which /usr/lib/locale does not have", name, value)
		return
	}
}

// certificates checks that an image with a TLS library has certificates to trust.
func (c *checker) certificates() {
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if at := c.env(name); at != "" {
			if _, err := c.Tree.Lookup(at); err != nil {
				c.find(Warning, "ca-bundle", absolute(at), "add ca-certificates-bundle, or unset the variable", "%s names %s: %v", name, at, err)
			}
			return
		}
	}
	user := ""
	for n := range c.Tree.All() {
		base := path.Base(n.Path)
		if strings.HasPrefix(base, "libssl.so") || strings.HasPrefix(base, "_ssl.") && isExtension(n.Path) {
			user = "/" + n.Path
		}
		if n.Path == "etc/ssl/certs" || strings.HasPrefix(n.Path, "etc/ssl/certs/") && n.IsDir() {
			continue
		}
		if strings.HasPrefix(n.Path, "etc/ssl/certs/") || strings.HasSuffix(n.Path, "-packages/certifi/cacert.pem") {
			return
		}
	}
	for _, at := range []string{"etc/ssl/cert.pem", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem", "usr/lib/ssl/cert.pem"} {
		if _, err := c.Tree.Lookup(at); err == nil {
			return
		}
	}
	if user != "" {
		c.find(Warning, "ca-bundle", user, "add ca-certificates-bundle", "the image has %s but no certificates to trust: verified connections will fail", user)
	}
}
