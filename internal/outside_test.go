package internal_test

import (
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hosts are the hosts that documents and examples name. A test cannot ask them, so that a new one is looked at by whoever adds it here.
func hosts() []string {
	return []string{
		"deb.debian.org", "dl-cdn.alpinelinux.org", "github.com", "kubernetes.io", "pypi.org", "wheels.home-assistant.io", "www.w3.org",
	}
}

// actions are the GitHub actions that documents and examples use, by owner, name and major version.
func actions() []string {
	return []string{
		"actions/cache@v4", "actions/checkout@v4", "actions/download-artifact@v4", "actions/setup-go@v5", "actions/upload-artifact@v4",
		"docker/login-action@v3", "docker/setup-qemu-action@v3", "pyimg/pyimg@v1",
	}
}

// forUsers returns the text of each file that users read or copy, by its path.
func forUsers(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, root := range []string{"../README.md", "../CHANGELOG.md", "../action.yml", "../.goreleaser.yaml", "../docs", "../examples", "../ci", "../templates", "../release"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			texts[path] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// TestOutsideLinksAreWellFormed holds each URL against what can be known of it without asking its host: it can be read, it has https unless
// it is of this machine, and its host and its path are such as exist.
func TestOutsideLinksAreWellFormed(t *testing.T) {
	t.Parallel()
	link, found := regexp.MustCompile("https?://[^][\\s()<>\"'`|]+"), 0
	for path, text := range forUsers(t) {
		for _, whole := range link.FindAllString(text, -1) {
			found++
			if fault := faultOf(strings.TrimRight(whole, ".,;:")); fault != "" {
				t.Errorf("%s: %s: %s", path, whole, fault)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d links were found", found)
	}
}

// faultOf returns what is wrong with a URL; "" if nothing is.
func faultOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return err.Error()
	}
	host := u.Hostname()
	switch {
	case isPlaceholder(host):
		return ""
	case !slices.Contains(hosts(), host):
		return fmt.Sprintf("the host %q is not in the list of known hosts", host)
	case u.Scheme == "http" && host != "deb.debian.org" && host != "www.w3.org":
		return "this host has https"
	case host == "github.com" && !regexp.MustCompile(`^/[\w-]+/[\w.-]+(/(releases|blob|tree|issues)(/.*)?)?$`).MatchString(u.Path):
		return "no path of GitHub begins so"
	}
	return ""
}

// TestFaultsOfLinks: the test above finds what is wrong with a link.
func TestFaultsOfLinks(t *testing.T) {
	t.Parallel()
	for link, wrong := range map[string]bool{
		"https://github.com/krallin/tini":           false,
		"https://wheels.example.com/simple/":        false,
		"http://127.0.0.1:8000/health":              false,
		"https://github.com/krallin":                true,
		"https://github.com/krallin/tini/relases/1": true,
		"https://gihub.com/krallin/tini":            true,
		"http://pypi.org/simple/":                   true,
		"https://pypi.org:simple/":                  true,
	} {
		if fault := faultOf(link); (fault != "") != wrong {
			t.Errorf("faultOf(%q) = %q", link, fault)
		}
	}
}

// isPlaceholder says that a host is this machine, one that is reserved for examples, or one that the reader puts in.
func isPlaceholder(host string) bool {
	ip := net.ParseIP(host)
	for _, example := range []string{"example.com", "example.org", "example.net", "example"} {
		if host == example || strings.HasSuffix(host, "."+example) {
			return true
		}
	}
	return ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) || host == "localhost" || host == "HOST" || host == "..." || strings.ContainsAny(host, "${}")
}

// TestActionsAreKnown: a workflow uses actions by names and versions that exist.
func TestActionsAreKnown(t *testing.T) {
	t.Parallel()
	found := 0
	for path, text := range forUsers(t) {
		for _, m := range regexp.MustCompile(`(?m)^\s*(?:- )?uses: *(\S+)`).FindAllStringSubmatch(text, -1) {
			found++
			if !slices.Contains(actions(), m[1]) {
				t.Errorf("%s: uses %s, which is not in the list of known actions", path, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d actions were found", found)
	}
}

// TestOwnPathsExist: what documents name below the path of the module is in the repository.
func TestOwnPathsExist(t *testing.T) {
	t.Parallel()
	found := 0
	for path, text := range forUsers(t) {
		for _, m := range regexp.MustCompile(`github\.com/pyimg/([\w.-]+)([\w./-]*)`).FindAllStringSubmatch(text, -1) {
			found++
			if m[1] != "pyimg" {
				t.Errorf("%s: %s is not this repository", path, m[0])
				continue
			}
			folder := strings.TrimRight(m[2], "./")
			if strings.HasPrefix(folder, "/releases") || folder == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", folder)); err != nil {
				t.Errorf("%s: %s: %v", path, m[0], err)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d paths were found", found)
	}
}
