package bytecode

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
)

//go:embed driver.py
var driver string

const (
	headSize = 16       // of a .pyc file: magic, flags, hash of the source; PEP 552
	maxPyc   = 64 << 20 // bytecode is about as large as its source
	maxStops = 20       // sources at which the compiler ended, after which the Python is to blame
)

// A compilation compiles sources twice. Their contents and the results are in temporary files, so that memory does not grow
// with them.
type compilation struct {
	store   *layers.Store
	runner  Runner
	python  Python
	mode    Mode
	sources []Source

	input, output *os.File
	contents      []content
	results       []result
}

// A content is where a source's text is in input.
type content struct {
	source       Source
	offset, size int64
}

// A result is where a .pyc file is in output.
type result struct {
	path         string // in the image
	offset, size int64
}

func (c *compilation) close() {
	for _, f := range []*os.File{c.input, c.output} {
		if f != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}
}

func (c *compilation) run(ctx context.Context) ([]Fault, error) {
	if err := c.collect(ctx); err != nil {
		return nil, err
	}
	var err error
	if c.output, err = os.CreateTemp("", "pyimg-bytecode-"); err != nil {
		return nil, err
	}
	out := bufio.NewWriter(c.output)
	var first, second pass
	missing, err := c.recall(&first, out)
	if err != nil {
		return nil, err
	}
	group, passing := errgroup.WithContext(ctx)
	group.Go(func() error { return c.pass(passing, &first, missing, out) })
	group.Go(func() error {
		backwards := slices.Clone(missing)
		slices.Reverse(backwards)
		return c.pass(passing, &second, backwards, nil)
	})
	if err := errors.Join(group.Wait(), out.Flush()); err != nil {
		return nil, err
	}
	faults := c.compare(missing, first, second)
	return faults, c.remember(missing, first, second)
}

// key is what the store keeps one source's bytecode under.
func (c *compilation) key(s Source) string {
	return fmt.Sprintf("pyc %d %s %s %s %s %x %s", versions.Bytecode, c.mode, c.python.Version, c.python.Tag, c.python.Stdlib, s.SHA256, s.Path)
}

// recall takes what the store has: after an edit of one file only that is compiled. It returns the rest.
func (c *compilation) recall(p *pass, out io.Writer) (missing []content, err error) {
	for _, s := range c.contents {
		data, err := c.store.Record(c.key(s.source))
		if err != nil || len(data) <= headSize || c.check([4]byte(data[:4]), 'c', data, s) != nil {
			missing = append(missing, s)
			continue
		}
		c.results = append(c.results, result{c.python.Compiled(s.source.Path), p.offset, int64(len(data))})
		p.offset += int64(len(data))
		if _, err := out.Write(data); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// remember keeps what both passes agree on.
func (c *compilation) remember(compiled []content, first, second pass) error {
	for _, s := range compiled {
		name := s.source.Path
		r, ok := first.results[name]
		if !ok || second.sums[name] != first.sums[name] {
			continue
		}
		data := make([]byte, r.size)
		if _, err := c.output.ReadAt(data, r.offset); err != nil {
			return err
		}
		if err := c.store.SetRecord(c.key(s.source), data); err != nil {
			return err
		}
	}
	return nil
}

// collect copies the sources' contents out of their layers.
func (c *compilation) collect(ctx context.Context) (err error) {
	if c.input, err = os.CreateTemp("", "pyimg-sources-"); err != nil {
		return err
	}
	wanted := make(map[string]map[string]Source) // by layer and path
	for _, s := range c.sources {
		if wanted[s.Layer] == nil {
			wanted[s.Layer] = make(map[string]Source)
		}
		wanted[s.Layer][s.Path] = s
	}
	out, offset := bufio.NewWriter(c.input), int64(0)
	for layer, paths := range wanted {
		err := eachSource(ctx, c.store, layer, func(name string, r io.Reader) error {
			s, ok := paths[name]
			if !ok {
				return nil
			}
			h := sha256.New()
			n, err := io.Copy(io.MultiWriter(out, h), r)
			if err != nil {
				return err
			}
			if [32]byte(h.Sum(nil)) != s.SHA256 {
				return nil // the path comes twice in the archive, and this is the other one
			}
			c.contents = append(c.contents, content{s, offset, n})
			if offset += n; offset > maxSources {
				return fmt.Errorf("the sources have more than %d bytes", int64(maxSources))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(c.contents) != len(c.sources) {
		return fmt.Errorf("of %d sources the layers hold %d", len(c.sources), len(c.contents))
	}
	slices.SortFunc(c.contents, func(a, b content) int { return bytes.Compare([]byte(a.source.Path), []byte(b.source.Path)) })
	return out.Flush()
}

// A pass is one compilation of all sources.
type pass struct {
	sums    map[string][32]byte // of the .pyc files, by source
	results map[string]result   // where they are
	faults  map[string]Fault
	offset  int64
	started bool // an interpreter has begun to answer
}

// pass compiles the contents in their order. Where the interpreter ends at a source, it goes on behind it with a new one.
func (c *compilation) pass(ctx context.Context, p *pass, contents []content, out io.Writer) error {
	p.sums, p.results, p.faults = make(map[string][32]byte), make(map[string]result), make(map[string]Fault) // offset goes on
	for stops := 0; len(contents) > 0; stops++ {
		done, err := c.interpret(ctx, p, contents, out)
		contents = contents[done:]
		if err == nil {
			continue
		}
		if ctx.Err() != nil || errors.As(err, new(forgedError)) || !p.started || stops == maxStops || len(contents) == 0 {
			return fmt.Errorf("compiling Python modules with %s: %w", c.python.Program, err)
		}
		at := contents[0].source.Path
		p.faults[at] = Fault{Path: at, Text: "Python's compiler ended at it: " + err.Error()}
		contents = contents[1:]
	}
	return nil
}

// interpret feeds one interpreter, and returns how many sources it compiled before it ended.
func (c *compilation) interpret(ctx context.Context, p *pass, contents []content, out io.Writer) (done int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	toPython, sources := io.Pipe()
	compiled, fromPython := io.Pipe()
	go func() { _ = sources.CloseWithError(c.feed(sources, contents)) }()
	ended := make(chan error, 1)
	go func() {
		// Isolated, without site and without writing bytecode: nothing but the standard library is imported.
		args := []string{c.python.Program, "-I", "-S", "-B", "-W", "ignore", "-c", driver, strconv.Itoa(len(contents)), strconv.Itoa(int(c.mode.flags()))}
		err := c.runner.Run(ctx, args, toPython, fromPython)
		_ = toPython.CloseWithError(errors.New("the interpreter ended"))
		_ = fromPython.CloseWithError(io.EOF)
		ended <- err
	}()
	done, err = c.read(bufio.NewReader(compiled), p, contents, out)
	_ = compiled.CloseWithError(errors.New("no more is read"))
	if err != nil {
		cancel()
	}
	if e := <-ended; e != nil && (err == nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
		err = e
	}
	return done, err
}

// A forgedError says that an interpreter answered what the driver does not.
type forgedError struct{ error }

// ExitCode is that of a forgery.
func (forgedError) ExitCode() exit.Code { return exit.Unverified }

// feed writes the records that the driver reads.
func (c *compilation) feed(w io.Writer, contents []content) error {
	buffered := bufio.NewWriter(w)
	record := func(n int64, r io.Reader) error {
		if _, err := buffered.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))); err != nil {
			return err
		}
		_, err := io.Copy(buffered, r)
		return err
	}
	for _, s := range contents {
		if err := record(int64(len(s.source.Path)), bytes.NewReader([]byte(s.source.Path))); err != nil {
			return err
		}
		if err := record(s.size, io.NewSectionReader(c.input, s.offset, s.size)); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// read reads what the driver writes, one answer for each content.
func (c *compilation) read(r *bufio.Reader, p *pass, contents []content, out io.Writer) (done int, err error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return 0, err
	}
	if kind, tag, err := readAnswer(r); err != nil {
		return 0, err
	} else if kind != 't' || string(tag) != c.python.Tag {
		return 0, forgedError{fmt.Errorf("the tag of its .pyc files is %q, expected %q", tag, c.python.Tag)}
	}
	p.started = true
	for i, s := range contents {
		kind, data, err := readAnswer(r)
		if err != nil {
			return i, err
		}
		name := s.source.Path
		if kind == 'f' && len(data) >= 8 {
			p.faults[name] = Fault{Path: name, Line: int(int32(binary.LittleEndian.Uint64(data))), Text: string(data[8:])}
			continue
		}
		if err := c.check(magic, kind, data, s); err != nil {
			return i, forgedError{fmt.Errorf("what Python made of /%s is no bytecode of it: %w", name, err)}
		}
		p.sums[name] = sha256.Sum256(data)
		if out != nil {
			p.results[name] = result{c.python.Compiled(name), p.offset, int64(len(data))}
			p.offset += int64(len(data))
			if _, err := out.Write(data); err != nil {
				return i, err
			}
		}
	}
	return len(contents), nil
}

func readAnswer(r io.Reader) (kind byte, data []byte, err error) {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint64(head[:8])
	if n > maxPyc {
		return 0, nil, fmt.Errorf("an answer of %d bytes, more than %d", n, maxPyc)
	}
	data = make([]byte, n)
	_, err = io.ReadFull(r, data)
	return head[8], data, err
}

// check holds a .pyc file against what its source must have.
func (c *compilation) check(magic [4]byte, kind byte, data []byte, s content) error {
	if kind != 'c' || len(data) <= headSize {
		return errors.New("it is no .pyc file")
	}
	source := make([]byte, s.size)
	if _, err := c.input.ReadAt(source, s.offset); err != nil {
		return err
	}
	want := slices.Concat(magic[:], []byte{c.mode.flags(), 0, 0, 0})
	hash := sourceHash(magic, source)
	if !bytes.Equal(data[:headSize], append(want, hash[:]...)) {
		return fmt.Errorf("it begins with %x, expected %x%x", data[:headSize], want, hash)
	}
	return nil
}

// compare keeps the results that both passes agree on.
func (c *compilation) compare(compiled []content, first, second pass) []Fault {
	var faults []Fault
	for _, s := range compiled {
		name := s.source.Path
		a, okA := first.sums[name]
		b, okB := second.sums[name]
		switch {
		case okA && okB && a == b:
			c.results = append(c.results, first.results[name])
		case okA && okB:
			faults = append(faults, Fault{Path: name, Text: "its bytecode does not come out the same twice"})
		case !okA:
			faults = append(faults, first.faults[name])
		default:
			faults = append(faults, second.faults[name])
		}
	}
	return faults
}

func encodeFaults(faults []Fault) []byte {
	text, _ := json.Marshal(faults) // strings and numbers
	return text
}

func decodeFaults(text []byte) []Fault {
	var faults []Fault
	_ = json.Unmarshal(text, &faults) // a damaged record says nothing
	return faults
}
