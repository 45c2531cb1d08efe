package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/sigstore"
)

func bundleCreateCommand(con console.Console) *cli.Command {
	all := append(flags.Source(), flags.Image()...)
	return cmdline.Command(&cli.Command{
		Name:      "create",
		Usage:     "put all that a lock needs into a folder or a tar",
		ArgsUsage: "[SPEC]",
		Description: "Packages have the places that they have on Alpine's mirrors, below their own signed indexes; keys, runtimes, wheels, bytecode, spec and lock come with them. Says\n" +
			"beforehand how large the bundle will be, takes what the cache has, and goes on where it was interrupted. Prints the bundle's ID.\n" +
			"Without a lock, --package or --all say what is to be in it; SPEC says where packages come from.\n\n" +
			"Example: pyimg bundle create --lock pyimg.lock --output bundle.tar\n" +
			"         pyimg bundle create --lock pyimg.lock --since bundle.tar --output update.tar     # what has changed\n" +
			"         pyimg bundle create --package busybox --package python3 --output bundle/",
		Flags: append(append(all, flags.Registry()...),
			&cli.StringSliceFlag{Name: "lock", Usage: "`FILE` a lock, with its spec next to it (default: the spec's name with .lock)"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`DIR|TAR` write the bundle to a folder, to a file that ends in .tar, or as a tar to stdout: -"},
			&cli.StringFlag{Name: "wheels", Usage: "`WHEELS.YAML` bring along all that \"wheels build --bundle\" needs for it"},
			&cli.BoolFlag{Name: "all", Usage: "all packages of the repositories"},
			&cli.StringSliceFlag{Name: "image", Usage: "`REF` bring along a base image of a registry, as it is"},
			&cli.StringFlag{Name: "since", Usage: "`OLD` hold only what this bundle (a folder, a tar or its manifest.json) lacks"},
			&cli.StringFlag{Name: "split", Usage: "`SIZE` cut the tar into parts, such as 4GiB or 700MB"},
			&cli.StringFlag{Name: "sign-key", Usage: "`FILE` sign the bundle with this private key, or env://NAME: writes NAME.sigstore.json next to it"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say how large the bundle would be, and do nothing else"},
			flags.JSON()),
		Action: action(con, bundleCreate),
	})
}

func bundleCreate(ctx context.Context, run *session.Session, c *cli.Context) error {
	o, err := bundleOptions(c)
	if err != nil {
		return err
	}
	key, err := bundleKey(run, c)
	if err != nil {
		return err
	}
	removeFiles, err := bundleOutput(ctx, run, &o)
	if err != nil {
		return err
	}
	defer removeFiles()
	if !o.DryRun {
		run.Stdout = run.ResultWriter()
	}
	specs, err := bundleSpecs(ctx, run, c)
	if err != nil {
		return err
	}
	places := make([]spec.Spec, len(specs))
	for i, s := range specs {
		places[i] = s.spec
	}
	carry, err := bundleBuilds(ctx, run, c, &places)
	if err != nil {
		return err
	}
	src, keys, err := run.Access(ctx, places[0], true, places[1:]...)
	if err != nil {
		return err
	}
	client, ok := src.Fetch.(create.Client)
	if !ok {
		return exit.Usagef("bundle create makes a bundle of what mirrors have, not of another bundle; \"pyimg bundle import\" copies one")
	}
	o.Client, o.Store, o.Jobs, o.Keyring = client, src.Store, src.Jobs, keys
	if err := bundleInputs(ctx, run, c, specs, src, &o); err != nil {
		return err
	}
	if o.Inputs, err = create.Merge(o.Inputs, carry.Inputs); err != nil {
		return err
	}
	o.Builds, o.BaseImages = carry.Files, carry.Images
	if err := baseImages(ctx, run, c, &o); err != nil {
		return err
	}
	if err := runtimeImages(ctx, run, &o); err != nil {
		return err
	}
	return createBundle(ctx, run, c, o, key)
}

// bundleBuilds is what the builds of --wheels need; places get what they name.
func bundleBuilds(ctx context.Context, run *session.Session, c *cli.Context, places *[]spec.Spec) (carry wheelhouse.Carry, err error) {
	name := c.String("wheels")
	if name == "" {
		return carry, nil
	}
	config, err := wheelhouse.ReadConfig([]string{name})
	if err != nil {
		return carry, err
	}
	*places = append(*places, wheelhouse.Spec(config))
	return wheelhouse.NewCarry(ctx, run, name, c.String("progress") == "quiet")
}

// bundleKey is the key that signs the bundle; nil without --sign-key.
func bundleKey(run *session.Session, c *cli.Context) (*sigstore.PrivateKey, error) {
	where := c.String("sign-key")
	if where == "" {
		return nil, nil
	}
	if console.OnStdout(c.String("output")) {
		return nil, exit.Usagef("--sign-key writes the signature next to the bundle, and stdout has no place next to it; name the tar with --output")
	}
	key, err := run.PrivateKey("sign-key", where)
	return &key, err
}

// signBundle writes the signature next to the bundle.
func signBundle(ctx context.Context, run *session.Session, output string, key *sigstore.PrivateKey, made create.Created) error {
	if key == nil {
		return nil
	}
	data, err := session.SignBundle(*key, made.ID, made.Whole)
	if err != nil {
		return err
	}
	return run.WriteFile(ctx, session.BundleSignature(output), data)
}

const leastPart = 1 << 10 // bytes of a part of a tar

// bundleOptions are the flags that say how the bundle is written.
func bundleOptions(c *cli.Context) (create.Options, error) {
	o := create.Options{Output: c.String("output"), All: c.Bool("all"), DryRun: c.Bool("dry-run")}
	if o.Output == "" {
		return o, exit.Usagef("bundle create needs --output DIR or FILE.tar")
	}
	var err error
	if o.Output, o.Tar, err = bundleTarget(o.Output); err != nil {
		return o, err
	}
	if v := c.String("split"); v != "" {
		if o.Split, err = flags.Size(v); err == nil && o.Split < leastPart {
			err = fmt.Errorf("%q is less than %d bytes", v, leastPart)
		}
		if err != nil {
			return o, exit.WrongUse(fmt.Errorf("--split: %w", err))
		}
		if !o.Tar {
			return o, exit.Usagef("--split cuts a tar into parts; name it with --output FILE.tar")
		}
	}
	if v := c.String("since"); v != "" {
		if o.Since, err = oldManifest(v); err != nil {
			return o, fmt.Errorf("--since: %w", err)
		}
	}
	return o, nil
}

// bundleTarget is where an output leads to, and whether that is to be a tar. A link stays, and so does a pipe or a device.
func bundleTarget(output string) (target string, tar bool, err error) {
	if output == console.Dash {
		return output, true, nil
	}
	if isFolder(output) {
		return output, strings.HasSuffix(output, ".tar"), nil
	}
	target, special, err := atomicfile.Target(output)
	return target, special || strings.HasSuffix(output, ".tar"), err
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// bundleOutput has a tar for stdout, a pipe or a device written there; its files come together in a temporary folder, which
// done removes.
func bundleOutput(ctx context.Context, run *session.Session, o *create.Options) (done func(), err error) {
	name := o.Output
	special := name == console.Dash
	if !special && o.Tar && !isFolder(name) {
		if _, special, err = atomicfile.Target(name); err != nil {
			return nil, err
		}
	}
	switch {
	case !special:
		return func() {}, nil
	case o.Split > 0:
		return nil, exit.Usagef("--split cuts a tar into files; name one with --output FILE.tar, not %q", name)
	case console.OnStdout(name) && run.ResultTerminal && !o.DryRun:
		return nil, exit.Usagef("--output %q: stdout is a terminal, and a tar is not for reading; pipe it into a program, or name a file", name)
	}
	dir, done, err := scratch.Dir("bundle", 0o700)
	if err != nil {
		return nil, err
	}
	o.Output = filepath.Join(dir, "bundle.tar")
	o.Stream = func(write func(io.Writer) error) error { return run.Stream(ctx, name, write) }
	return done, nil
}

// oldManifest is that of a bundle, or of what is kept of one.
func oldManifest(name string) (*manifest.Manifest, error) {
	if strings.HasSuffix(name, ".json") {
		f, err := regular.Open(name)
		if err != nil {
			return nil, exit.WrongUse(err)
		}
		defer f.Close()
		m, err := manifest.Read(f)
		if err != nil {
			return nil, &bundle.FaultError{Bundle: name, Err: err}
		}
		return &m, nil
	}
	b, err := session.OpenBundle(name)
	if err != nil {
		return nil, err
	}
	return &b.Manifest, b.Close()
}

// createBundle says how large the bundle will be, makes it, and prints what came out.
func createBundle(ctx context.Context, run *session.Session, c *cli.Context, o create.Options, key *sigstore.PrivateKey) error {
	var d *create.Draft
	err := run.Progressing(func(report input.Progress) (err error) {
		o.Progress = report
		d, err = create.Prepare(ctx, o)
		return err
	})
	if err != nil {
		return err
	}
	defer d.Close()
	if o.DryRun {
		return printSizes(run, c, d)
	}
	fmt.Fprint(run.Stderr, sizesText(d.Sizes))
	var made create.Created
	err = run.Progressing(func(report input.Progress) (err error) {
		made, err = d.Create(ctx, report)
		return err
	})
	if err != nil {
		return err
	}
	if err := signBundle(ctx, run, c.String("output"), key, made); err != nil {
		return err
	}
	if n := len(d.Unlisted); n > 0 {
		run.Warn(fmt.Sprintf("packages of the lock that are in no index any more, so that other apk clients cannot install them: %s", strings.Join(d.Unlisted, ", ")))
	}
	if made.NoBytecode != "" {
		run.Warn("the bundle lacks bytecode that its locks name, so a machine that assembles from it must make it: " + made.NoBytecode)
	}
	if c.Bool("json") {
		return run.JSON(struct {
			create.Created
			Sizes create.Sizes `json:"sizes"`
		}{made, d.Sizes})
	}
	fmt.Fprintf(run.Stderr, "pyimg: %s is written, %s fetched\n", c.String("output"), termtext.Count(made.Fetched, "byte"))
	fmt.Fprintln(run.ResultWriter(), made.ID)
	return nil
}

func printSizes(run *session.Session, c *cli.Context, d *create.Draft) error {
	if c.Bool("json") {
		return run.JSON(struct {
			create.Sizes
			Fits bool `json:"fits"`
		}{d.Sizes, d.Fits()})
	}
	_, err := fmt.Fprint(run.Stdout, sizesText(d.Sizes))
	return err
}

// sizesText says it in exact bytes, and so that a person can read them.
func sizesText(s create.Sizes) string {
	line := func(n int64, what string) string {
		return fmt.Sprintf("%15d bytes  %9s  %s\n", n, termtext.Size(n), what)
	}
	text := line(s.Bundle, fmt.Sprintf("the bundle, of %s", termtext.Count(s.Files, "file"))) +
		line(s.Indexes, "of indexes are fetched") +
		line(s.Fetch, "are to be fetched")
	for _, reused := range []struct {
		n    int64
		what string
	}{{s.Cached, "come from the cache"}, {s.Kept, "are there from an earlier run"}, {s.InBase, "are in the base"}} {
		if reused.n > 0 {
			text += line(reused.n, reused.what)
		}
	}
	text += line(s.Need, "of room are needed")
	switch {
	case s.Free < 0:
	case s.Fits():
		text += line(s.Free, "are free: it fits")
	default:
		text += line(s.Free, "are free: it does not fit")
	}
	return text
}
