package draft

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
)

// configure takes over what sets the configuration of the image.
func (b *builder) configure(i dockerfile.Instruction, st *stage) {
	image := &b.spec.Image
	switch i.Keyword {
	case "CMD":
		image.Cmd, image.CmdWhy = b.command(i, st)
	case "ENTRYPOINT":
		image.Entrypoint, image.EntrypointWhy = b.command(i, st)
		image.Cmd, image.CmdWhy = nil, ""
	case "EXPOSE":
		for _, port := range b.values(i, st) {
			b.expose(i, port)
		}
	case "USER":
		b.user(i, st)
	case "VOLUME":
		for _, v := range b.values(i, st) {
			image.Volumes = append(image.Volumes, absolute("/", v))
		}
	case "STOPSIGNAL":
		if values := b.values(i, st); len(values) == 1 {
			image.StopSignal = values[0]
		}
	case "LABEL":
		b.labels(i, st)
	case "MAINTAINER":
		b.label("org.opencontainers.image.authors", strings.Trim(i.Text, `"`))
	case "HEALTHCHECK":
		b.healthcheck(i)
	case "ONBUILD":
		b.note(b.at(i), written(i), "it acts when another Dockerfile builds on the image", "write it in the specs that build on this one")
	default:
		b.note(b.at(i), written(i), "this is no instruction of a Dockerfile", "")
	}
}

// values are the arguments of an instruction, in either form, with variables replaced.
func (b *builder) values(i dockerfile.Instruction, st *stage) []string {
	words, known := st.scope.Words(i.Text)
	if i.List != nil {
		words, known = nil, true
		for _, item := range i.List {
			value, ok := st.scope.Expand(item)
			words, known = append(words, value), known && ok
		}
	}
	if !known {
		b.note(b.at(i), written(i), "its variable has a value only when the image is built", "write the value into the spec")
		return nil
	}
	return words
}

func (b *builder) expose(i dockerfile.Instruction, port string) {
	if !regexp.MustCompile(`^\d+(/(tcp|udp))?$`).MatchString(port) {
		b.note(b.at(i), written(i), "a spec names single ports, such as 8080 or 53/udp", "list them under image.ports")
		return
	}
	if !slices.Contains(b.spec.Image.Ports, port) {
		b.spec.Image.Ports = append(b.spec.Image.Ports, port)
	}
}

func (b *builder) labels(i dockerfile.Instruction, st *stage) {
	pairs, known := st.scope.Pairs(i.Text)
	if !known {
		b.note(b.at(i), written(i), "its variable has a value only when the image is built", "\"--label\" and \"--annotation\" set what is known only then")
	}
	for _, p := range pairs {
		if p.Name != "" && !strings.Contains(p.Value, "$") {
			b.label(p.Name, p.Value)
		}
	}
}

// command is what CMD or ENTRYPOINT starts. Words that only installing needs, such as "uv run", are left out.
func (b *builder) command(i dockerfile.Instruction, st *stage) (words []string, why string) {
	if i.List == nil && i.Text != "" {
		shell := st.shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		text := regexp.MustCompile(`^(exec\s+)?(uv|poetry|pipenv|pdm)\s+run\s+(--no-sync\s+|--frozen\s+|--no-dev\s+)*`).ReplaceAllString(i.Text, "$1")
		return append(slices.Clone(shell), text), "the shell form; as a list of words signals reach the program itself"
	}
	words = slices.Clone(i.List)
	if len(words) > 1 && slices.Contains([]string{"uv", "poetry", "pipenv", "pdm"}, words[0]) && words[1] == "run" {
		words = words[2:]
		for len(words) > 0 && strings.HasPrefix(words[0], "--") {
			words = words[1:]
		}
		why = "without \"" + i.List[0] + " run\": the packages are in the runtime"
	}
	if len(words) > 0 && isEnvironment(words[0]) && strings.Contains(words[0], "/bin/") {
		words[0] = words[0][strings.LastIndex(words[0], "/")+1:]
		why = "without the virtual environment: the packages are in the runtime"
	}
	if len(words) > 0 && words[0] == "python" {
		words[0] = "python3"
	}
	return words, why
}

// user takes the user over; the account is made of what the commands before said.
func (b *builder) user(i dockerfile.Instruction, st *stage) {
	if values := b.values(i, st); len(values) == 1 {
		b.spec.Image.User = values[0]
	}
}

// users sees to it that the image's user exists.
func (b *builder) users() {
	name, group, _ := strings.Cut(b.spec.Image.User, ":")
	isNumber := regexp.MustCompile(`^\d*$`).MatchString
	if !isNumber(name) && !slices.Contains(alpineUsers(), name) && !slices.ContainsFunc(b.spec.Users, func(u specfile.User) bool { return u.Name == name }) && len(b.spec.Base) == 0 {
		b.spec.Users = append(b.spec.Users, specfile.User{Name: name, UID: b.nextID(), Why: "the Dockerfile does not say its number"})
	}
	if !isNumber(group) && !slices.Contains(alpineUsers(), group) && !slices.ContainsFunc(b.spec.Groups, func(g specfile.Group) bool { return g.Name == group }) &&
		!slices.ContainsFunc(b.spec.Users, func(u specfile.User) bool { return u.Name == group && u.GID == "" }) && len(b.spec.Base) == 0 {
		b.spec.Groups = append(b.spec.Groups, specfile.Group{Name: group, GID: b.nextID()})
	}
}

// alpineUsers are the accounts of alpine-baselayout that people name.
func alpineUsers() []string { return []string{"root", "nobody", "daemon", "bin", "mail", "guest"} }

// healthcheck takes over the command and its times.
func (b *builder) healthcheck(i dockerfile.Instruction) {
	text := strings.TrimSpace(i.Text)
	if strings.EqualFold(text, "NONE") {
		b.spec.Image.Healthcheck = specfile.Healthcheck{None: true}
		return
	}
	command, ok := strings.CutPrefix(text, "CMD")
	if !ok {
		b.note(b.at(i), written(i), "expected CMD or NONE", "")
		return
	}
	h := specfile.Healthcheck{Test: []string{"CMD-SHELL", strings.TrimSpace(command)}}
	var words []string
	if err := json.Unmarshal([]byte(command), &words); err == nil && len(words) > 0 {
		if words[0] == "python" {
			words[0] = "python3"
		}
		h.Test = append([]string{"CMD"}, words...)
	}
	for _, f := range []struct {
		name string
		to   *string
	}{{"interval", &h.Interval}, {"timeout", &h.Timeout}, {"start-period", &h.StartPeriod}, {"start-interval", &h.StartInterval}, {"retries", &h.Retries}} {
		*f.to, _ = i.Flag(f.name)
	}
	b.spec.Image.Healthcheck = h
}
