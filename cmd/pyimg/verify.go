package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/attest"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/sigstore"
)

func verifyCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "verify",
		Usage:     "check, without running it, that an image could start and that what is in it could work",
		ArgsUsage: "REF|LAYOUT|ARCHIVE|SPEC",
		Description: "The image may be made by any tool. A SPEC (FILE.yaml) is assembled, and nothing is written but the cache.\n" +
			"What layers hold is kept in the cache: the second time no layer is read. Exit code 6 if there are errors.\n\n" +
			"Example: pyimg verify image/:latest\n" +
			"         pyimg verify --platform linux/arm64 docker.io/library/python:3.13-alpine\n" +
			"         pyimg verify --blob checksums.txt --key team.pub",
		Flags: append(append(flags.Source(), flags.Login()...),
			&cli.StringSliceFlag{Name: "key", Usage: "`FILE` demand that this public key signed the image, its bills of materials and provenance; one of several"},
			&cli.StringFlag{Name: "blob", Usage: "`FILE` demand that --key signed this file, and read no image"},
			&cli.StringFlag{Name: "signature", Usage: "`FILE` the signature of --blob", DefaultText: "FILE.sigstore.json"},
			&cli.BoolFlag{Name: "all", Usage: "list notes, too, which are only counted otherwise"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON, with all notes"}),
		Action: action(con, verifyImage),
	})
}

func verifyImage(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.String("blob") != "" {
		return verifyBlob(ctx, run, c)
	}
	if c.String("signature") != "" {
		return exit.Usagef("--signature is for --blob; the signatures of an image are in its registry")
	}
	if c.NArg() != 1 {
		return exit.Usagef("verify takes one image reference, layout, archive or spec; see \"pyimg verify --help\"")
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	arg, err := verifySignatures(ctx, run, c.Args().First())
	if err != nil {
		return err
	}
	found, err := findings(ctx, run, c, arg)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := run.JSON(found); err != nil {
			return err
		}
	} else {
		printFindings(run.Stdout, found, c.Bool("all"))
	}
	n := 0
	for _, f := range found {
		n += f.Errors()
	}
	if n > 0 {
		return &unsoundError{c.Args().First(), n}
	}
	return nil
}

// verifySignatures checks who signed the image, if --key asks for it. It comes first: what nobody vouches for is not read. It returns
// what to read then: the image that is signed, by its digest, since its tag may be moved at any time.
func verifySignatures(ctx context.Context, run *session.Session, arg string) (string, error) {
	keys, err := run.PublicKeys("key")
	if err != nil || len(keys) == 0 {
		return arg, err
	}
	if session.IsSpec(arg) {
		return arg, exit.Usagef("--key is for an image in a registry or a layout, where its signatures are; %q is a spec", arg)
	}
	path, here := session.OnDisk(arg)
	if !here && run.IsOffline() {
		return arg, offlineError(arg)
	}
	var signed []attest.Signed
	if here {
		signed, err = verifyLayout(ctx, path, keys)
	} else {
		signed, err = verifyPushed(ctx, run.Registry(), arg, keys)
	}
	if err != nil {
		return arg, err
	}
	whole := "the index"
	if len(signed) == 1 {
		whole = "the image" // which has no index
	}
	for _, s := range signed {
		fmt.Fprintf(run.Stderr, "pyimg: %s %s is signed: %s\n", cmp.Or(termtext.Line(s.Platform), whole), s.Digest, strings.Join(statementNames(s.Statements), ", "))
	}
	if here {
		return arg, nil
	}
	return attest.Repository(arg) + "@" + signed[0].Digest, nil
}

func verifyPushed(ctx context.Context, registry push.Registry, ref string, keys []sigstore.PublicKey) ([]attest.Signed, error) {
	index, err := registry.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	repository := attest.Repository(ref)
	return attest.Verify(ctx, repository, index, attest.Registry{Registry: registry, Repository: repository}, keys)
}

// verifyLayout checks an image on disk against what its layout has attached to it.
func verifyLayout(ctx context.Context, path string, keys []sigstore.PublicKey) ([]attest.Signed, error) {
	index, err := disk.ReadLayout(path)
	if err != nil {
		return nil, err
	}
	referrers, err := disk.ReadReferrers(path)
	if err != nil {
		return nil, err
	}
	return attest.Verify(ctx, path, index, attest.OnDisk(referrers), keys)
}

// statementNames are what people call predicate types.
func statementNames(types []string) []string {
	names := map[string]string{sigstore.PredicateSignature: "signature", sigstore.PredicateCycloneDX: "CycloneDX", sigstore.PredicateSPDX: "SPDX",
		sigstore.PredicateProvenance: "provenance"}
	var out []string
	for _, t := range types {
		out = append(out, cmp.Or(names[t], termtext.Line(t)))
	}
	return out
}

// unsoundError says that verify found errors; the findings have been printed.
type unsoundError struct {
	image  string
	errors int
}

func (e *unsoundError) Error() string {
	return fmt.Sprintf("verifying %s: %s: the image is not sound", e.image, termtext.Count(e.errors, "error"))
}

// ExitCode is that of a failed verification.
func (e *unsoundError) ExitCode() exit.Code { return exit.Unverified }

func offlineError(arg string) error {
	return exit.Usagef("--offline says to ask no host, and %q is in a registry", arg)
}

func findings(ctx context.Context, run *session.Session, c *cli.Context, arg string) ([]check.Report, error) {
	if session.IsSpec(arg) {
		return specFindings(ctx, run, arg)
	}
	if _, here := session.OnDisk(arg); run.IsOffline() && !here {
		return nil, offlineError(arg)
	}
	only, err := flags.Platforms(c)
	if err != nil {
		return nil, err
	}
	index, err := run.Open(ctx, arg)
	if err != nil {
		return nil, err
	}
	store, err := run.Store()
	if err != nil {
		return nil, err
	}
	found, skipped, err := image.Verify(ctx, index, store, only)
	run.WarnSkipped(skipped)
	return found, err
}

// specFindings assembles a spec, by its lock where there is one, and writes nothing.
func specFindings(ctx context.Context, run *session.Session, name string) ([]check.Report, error) {
	s, err := run.Spec(ctx, name)
	if err != nil {
		return nil, err
	}
	lock, locked, err := run.Lock(ctx, s)
	if err != nil {
		return nil, err
	}
	built, err := run.Try(ctx, s, lock, locked) // the warnings that count are findings
	found := built.Findings
	if len(found) == len(s.Platforms) && slices.ContainsFunc(found, func(p check.Report) bool { return p.Errors() > 0 }) {
		err = nil // it says the same
	}
	return found, err
}

func printFindings(w io.Writer, found []check.Report, all bool) {
	for i, p := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		n := map[check.Severity]int{}
		for _, f := range p.Findings {
			n[f.Severity]++
		}
		fmt.Fprintf(w, "%s  %s: %s, %s, %s\n", termtext.Line(p.Platform), verdict(p), termtext.Count(n[check.Error], "error"),
			termtext.Count(n[check.Warning], "warning"), termtext.Count(n[check.Note], "note"))
		for _, f := range p.Findings {
			if all || f.Severity != check.Note {
				printFinding(w, f)
			}
		}
	}
}

func verdict(p check.Report) string {
	of := ""
	if p.Layers > 0 {
		of = fmt.Sprintf(" (%s, %s)", termtext.Count(p.Layers, "layer"), termtext.Count(p.Files, "path"))
	}
	if p.Errors() > 0 {
		return "not sound" + of
	}
	return "sound" + of
}

func printFinding(w io.Writer, f check.Finding) {
	msg := strings.TrimPrefix(f.Msg, f.Check+": ")
	fmt.Fprintf(w, "  %-7s  %s: %s\n", f.Severity, f.Check, termtext.Line(msg))
	var from []string
	if f.Layer != "" {
		from = append(from, "layer "+termtext.Line(f.Layer))
	}
	if f.Package != "" {
		from = append(from, "package "+termtext.Line(f.Package))
	}
	if len(from) > 0 {
		fmt.Fprintf(w, "           in %s\n", strings.Join(from, ", "))
	}
	if f.Fix != "" {
		fmt.Fprintf(w, "           %s\n", termtext.Line(f.Fix))
	}
}
