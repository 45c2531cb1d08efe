package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// checkEnv accepts the name of an environment variable. It may have dots and dashes, which some programs use.
func checkEnv(name, value string) error {
	if err := checkKey(name); err != nil || strings.ContainsRune(value, 0) {
		return fmt.Errorf("expected an environment variable NAME: VALUE, its name without white space, = and control characters, found %q", name)
	}
	return nil
}

// CheckLabel accepts the key of a label or an annotation. It must not have white space or =, which separate key and value when
// tools list them.
func CheckLabel(key, _ string) error {
	if checkKey(key) != nil {
		return fmt.Errorf("expected a key such as org.opencontainers.image.title, without white space, = and control characters, found %q", key)
	}
	return nil
}

// errKey reports a key with characters that are not allowed.
var errKey = errors.New("white space, = or a control character in a key")

func checkKey(key string) error {
	odd := func(r rune) bool { return r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if key == "" || !utf8.ValidString(key) || strings.ContainsFunc(key, odd) {
		return errKey
	}
	return nil
}

func (d decoder) imageFields(i *Image) fields {
	return fields{
		row("entrypoint", d.Words(&i.Entrypoint), listed(i.Entrypoint)),
		row("cmd", d.Words(&i.Cmd), listed(i.Cmd)),
		row("env", d.Table(&i.Env, checkEnv), i.Env),
		row("user", d.Str(&i.User), i.User),
		row("workdir", d.Text(func(v string) error { i.Workdir = v; return CheckAbsolute(v) }), i.Workdir),
		row("labels", d.Table(&i.Labels, CheckLabel), i.Labels),
		row("annotations", d.Table(&i.Annotations, CheckLabel), i.Annotations),
		row("ports", d.List(func(v string) error { i.Ports = append(i.Ports, v); return checkPort(v) }), i.Ports),
		row("volumes", d.List(func(v string) error { i.Volumes = append(i.Volumes, v); return CheckAbsolute(v) }), i.Volumes),
		row("stop_signal", d.Str(&i.StopSignal), i.StopSignal),
		row("healthcheck", func(p string, n ast.Node) { d.healthcheck(&i.Healthcheck, p, n) }, d.healthcheckYAML(i.Healthcheck)),
	}
}

// checkPort accepts the forms of ExposedPorts: PORT, PORT/tcp, PORT/udp.
func checkPort(v string) error {
	number, protocol, has := strings.Cut(v, "/")
	if n, err := strconv.Atoi(number); err != nil || n < 1 || n > 65535 || has && protocol != "tcp" && protocol != "udp" {
		return fmt.Errorf("expected PORT, PORT/tcp or PORT/udp, found %q", v)
	}
	return nil
}
