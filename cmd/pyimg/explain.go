package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/near"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/sbom"
)

func explainCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "explain",
		Usage:     "say why a package, a Python package or a library is in an image",
		ArgsUsage: "NAME [REF|LAYOUT|ARCHIVE|LOCK|SPEC]",
		Description: "Prints what needs NAME, and what needs that, down to what somebody asked for. NAME is a package of Alpine, a Python\n" +
			"package, a runtime, a library inside one, a file of the spec by its path, or a package URL. Without an image it\n" +
			"takes the spec in this folder, and the spec's lock if it has one. An image that is not ours is explained by its files: apk's database and\n" +
			"Python's metadata.\n\n" +
			"Example: pyimg explain libcrypto3\n" +
			"         pyimg explain markupsafe app.lock --platform linux/arm64",
		Flags: append(append(flags.Source(), flags.Login()...),
			&cli.BoolFlag{Name: "json", Usage: "as JSON"}),
		Action: action(con, explain),
	})
}

func explain(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() < 1 || c.NArg() > 2 {
		return exit.Usagef("explain takes a name, and an image reference, layout, archive, lock or spec; see \"pyimg explain --help\"")
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	name, of := c.Args().First(), c.Args().Get(1)
	all, err := documents(ctx, run, c, of)
	if err != nil {
		return err
	}
	explained := make([]explanation, len(all))
	found := false
	var names []string
	for i, d := range all {
		e := explanation{Platform: d.Platform, Parts: []explainedPart{}}
		e.found, e.reasons = d.Why(name)
		for _, id := range e.found {
			e.Found = append(e.Found, e.reasons[id].ID)
		}
		e.parts()
		explained[i], found = e, found || len(e.found) > 0
		names = append(names, d.Names()...)
	}
	if !found {
		return notInImage(name, names, all)
	}
	if c.Bool("json") {
		return run.JSON(struct {
			Name      string        `json:"name"`
			Platforms []explanation `json:"platforms"`
		}{name, explained})
	}
	printExplained(run.Stdout, name, explained)
	return nil
}

// notInImage says that an image has nothing of a name, and what may have been meant.
func notInImage(name string, names []string, all []sbom.Document) error {
	slices.Sort(names)
	hint := ""
	if n := near.Name(name, slices.Compact(names)); n != "" {
		hint = fmt.Sprintf("; is %q meant?", n)
	}
	var platforms []string
	for _, d := range all {
		platforms = append(platforms, d.Platform)
	}
	return fmt.Errorf("explaining %q: nothing of that name is in the image for %s%s", name, strings.Join(platforms, ", "), hint)
}

// An explanation is why something is in the image of a platform.
type explanation struct {
	Platform string          `json:"platform"`
	Found    []string        `json:"found"` // IDs of parts with the name
	Parts    []explainedPart `json:"parts"` // these and all that they are there for, sorted by ID

	found   []string
	reasons map[string]sbom.Reason
}

type explainedPart struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Version  string   `json:"version,omitempty"`
	PURL     string   `json:"purl,omitempty"`
	Asked    string   `json:"asked,omitempty"`
	Because  string   `json:"installIf,omitempty"`
	NeededBy []string `json:"neededBy,omitempty"`
	Inside   []string `json:"inside,omitempty"`
}

func (e *explanation) parts() {
	for id, r := range e.reasons {
		e.Parts = append(e.Parts, explainedPart{id, r.Name, r.Version, r.PURL, r.Asked, r.Details[sbom.InstallIf], r.NeededBy, r.Inside})
	}
	slices.SortFunc(e.Parts, func(a, b explainedPart) int { return strings.Compare(a.ID, b.ID) })
}

// printExplained prints platforms with the same explanation as one.
func printExplained(w io.Writer, name string, all []explanation) {
	var texts []string
	platforms := make(map[string][]string)
	for _, e := range all {
		text := e.text(name)
		if platforms[text] == nil {
			texts = append(texts, text)
		}
		platforms[text] = append(platforms[text], e.Platform)
	}
	for _, text := range texts {
		if len(texts) > 1 {
			fmt.Fprintf(w, "# %s\n", termtext.Line(strings.Join(platforms[text], ", ")))
		}
		fmt.Fprint(w, text)
	}
}

// text is a tree: below each part what it is there for. A part is followed once.
func (e explanation) text(name string) string {
	if len(e.found) == 0 {
		return fmt.Sprintf("nothing is called %q\n", name)
	}
	var b strings.Builder
	seen := make(map[string]bool)
	var print func(id, how string, depth int)
	print = func(id, how string, depth int) {
		r := e.reasons[id]
		fmt.Fprintf(&b, "%s%s%s", strings.Repeat("  ", depth), how, termtext.Line(strings.TrimSpace(r.Name+" "+r.Version)))
		again := seen[id] && len(r.NeededBy)+len(r.Inside) > 0
		seen[id] = true
		switch {
		case r.Asked != "":
			fmt.Fprintf(&b, ": %s", termtext.Line(r.Asked))
		case r.Details[sbom.InstallIf] != "":
			fmt.Fprintf(&b, ": apk installs it where there is %s", termtext.Line(r.Details[sbom.InstallIf]))
		case len(r.NeededBy)+len(r.Inside) == 0:
			b.WriteString(": nobody here says why")
		}
		if again {
			b.WriteString(" (see above)")
		}
		b.WriteByte('\n')
		if again || depth >= maxExplained {
			return
		}
		for _, by := range r.NeededBy {
			print(by, "needed by ", depth+1)
		}
		for _, in := range r.Inside {
			print(in, "inside ", depth+1)
		}
	}
	for _, id := range e.found {
		print(id, "", 0)
	}
	return b.String()
}

// maxExplained bounds the depth of the tree that is printed: the parts of a foreign document may need each other in a long chain.
const maxExplained = 64
