package draft

import (
	"path"
	"slices"
	"strings"
)

// ignored are the patterns of a .dockerignore.
type ignored []string

// readIgnored reads the .dockerignore of a Dockerfile, or the folder's.
func (m *maker) readIgnored(dockerfile string) (ignored, error) {
	name := ".dockerignore"
	for _, own := range []string{dockerfile + ".dockerignore", ".containerignore"} {
		if m.has(own) {
			name = own
			break
		}
	}
	if !m.has(name) {
		return nil, nil
	}
	data, err := m.file(name)
	if err != nil {
		return nil, err
	}
	var out ignored
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		back := ""
		if line[0] == '!' {
			back, line = "!", strings.TrimSpace(line[1:])
		}
		if line = path.Clean("/" + line)[1:]; line != "" {
			out = append(out, back+line)
		}
	}
	return out, nil
}

// below are the patterns for what is in a folder, as globs that start there.
func (i ignored) below(from string) []string {
	var out []string
	for _, pattern := range i {
		glob, back := strings.CutPrefix(pattern, "!")
		sign := ""
		if back {
			sign = "!"
		}
		switch {
		case from == "." || strings.HasPrefix(glob, "**/"):
		case glob == "*" || glob == "**":
			glob = "**"
		case strings.HasPrefix(glob, from+"/"):
			glob = strings.TrimPrefix(glob, from+"/")
		default:
			continue
		}
		out = append(out, sign+glob)
	}
	return out
}

// excludes are the globs of what an entry of files leaves out: what .dockerignore says, and what never belongs into an image.
func (m *maker) excludes(from string, i ignored) []string {
	out := i.below(from)
	if from != "." {
		return out
	}
	always := append([]string{"pyimg.yaml", "pyimg.lock", "**/*.key"}, bytecodeFiles()...) // "pyimg key generate" writes NAME.key
	for _, name := range []string{".git", ".github", ".gitignore", ".dockerignore", "Dockerfile", "Containerfile", "apko.yaml", ".venv", "venv", ".env", ".idea", ".vscode", ".mypy_cache", ".pytest_cache", ".ruff_cache", "node_modules"} {
		if m.has(name) {
			always = append(always, name)
		}
	}
	for _, name := range always {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if slices.Contains(out, ".env") && m.has(".env") && !slices.Contains(i, ".env") {
		m.spec.FilesWhy = append(m.spec.FilesWhy, "The file .env stays out: it often holds secrets.")
	}
	return out
}
