package many_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/internal/exit"
)

func TestNames(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{
		"images/web.yaml":      "web",
		"images/web.prod.yml":  "web.prod",
		"web/pyimg.yaml":       "web",
		"pyimg.yaml":           filepath.Base(here),
		"":                     filepath.Base(here),
		"images/noending":      "noending",
		"../images/a-b_c.json": "a-b_c",
	} {
		images, err := many.Images([]string{spec})
		if spec == "" {
			images, err = many.Images(nil)
		}
		if err != nil || len(images) != 1 || images[0].Name != want || images[0].Spec != spec {
			t.Errorf("Images(%q) = %+v, %v, want the name %q", spec, images, err, want)
		}
	}
}

func TestImagesAreNamedOnce(t *testing.T) {
	t.Parallel()
	images, err := many.Images([]string{"b.yaml", "a.yaml", "./b.yaml", "x/../a.yaml"})
	if err != nil || len(images) != 2 || images[0].Spec != "b.yaml" || images[1].Spec != "a.yaml" {
		t.Errorf("Images = %+v, %v, want b.yaml and a.yaml", images, err)
	}
	if _, err := many.Images([]string{"a.yaml", ""}); exit.Of(err) != exit.Usage {
		t.Errorf("Images with an empty name: %v, want wrong use", err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	images, err := many.Images([]string{"a/web.yaml", "b/web.yaml", "b/api.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := many.Keys(images), []string{"a/web.yaml", "b/web.yaml", "api"}; !slices.Equal(got, want) {
		t.Errorf("Keys = %q, want %q", got, want)
	}
}

func TestApart(t *testing.T) {
	t.Parallel()
	images := []many.Image{{Spec: "a.yaml"}, {Spec: "b.yaml"}, {Spec: "c.yaml"}}
	values := [][]string{{"x", "x"}, {"y"}, {"x"}}
	err := many.Apart(images, "reference", func(i int) []string { return values[i] })
	if exit.Of(err) != exit.Usage || !strings.Contains(err.Error(), "a.yaml and c.yaml have the same reference, x") || strings.Contains(err.Error(), "b.yaml") {
		t.Errorf("Apart = %v, want a.yaml and c.yaml", err)
	}
	values[2] = nil
	if err := many.Apart(images, "reference", func(i int) []string { return values[i] }); err != nil {
		t.Errorf("Apart = %v, want that one image may have a value twice", err)
	}
}

// TestGravity: the exit code is that of the gravest fault, in whatever order they come.
func TestGravity(t *testing.T) {
	t.Parallel()
	codes := []exit.Code{exit.Unverified, exit.Usage, exit.NoSolution, exit.Auth, exit.Network, exit.Failed}
	for i, gravest := range codes {
		faults := &many.Faults{Of: 9}
		for _, code := range codes[i:] {
			faults.Faults = slices.Insert(faults.Faults, 0, many.Fault{Err: coded(code)})
		}
		if got := exit.Of(faults); got != gravest {
			t.Errorf("exit code %d of %v, want %d", got, codes[i:], gravest)
		}
	}
}

type coded exit.Code

func (c coded) Error() string       { return fmt.Sprint("fault ", int(c)) }
func (c coded) ExitCode() exit.Code { return exit.Code(c) }

func TestFaultsText(t *testing.T) {
	t.Parallel()
	fault := func(spec, text string) many.Fault {
		return many.Fault{Image: many.Image{Spec: spec}, Err: errors.New(text)}
	}
	faults := &many.Faults{Of: 5, Faults: []many.Fault{fault("a.yaml", "down"), fault("b.yaml", "b.yaml:1:1: bad\nb.yaml:2:1: worse"), fault("c.yaml", "down")}}
	want := "3 of 5 images failed\n  a.yaml, c.yaml: down\n  b.yaml:1:1: bad\n    b.yaml:2:1: worse"
	if got := faults.Error(); got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	images := []many.Image{{Spec: "a"}, {Spec: "b"}, {Spec: "c"}, {Spec: "d"}, {Spec: "e"}, {Spec: "f"}}
	var w many.Warnings
	w.Add(5, "rare")
	for _, i := range []int{4, 0, 2, 1, 3, 0} {
		w.Add(i, "usual")
	}
	if got, want := w.Lines(images), []string{"a, b, c and 2 others: usual", "f: rare"}; !slices.Equal(got, want) {
		t.Errorf("Lines = %q, want %q", got, want)
	}
	var lone many.Warnings
	lone.Add(0, "usual")
	if got := lone.Lines(images[:1]); !slices.Equal(got, []string{"usual"}) {
		t.Errorf("Lines of one image = %q", got)
	}
}

// TestEach: results come in order, and not all images are worked on at once.
func TestEach(t *testing.T) {
	t.Parallel()
	const n = 100
	var running, most atomic.Int64
	var order []int
	many.Each(t.Context(), n, func(_ context.Context, i int) error {
		now := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		if i%10 == 3 {
			return errors.New("fault")
		}
		return nil
	}, func(i int, err error) {
		order = append(order, i)
		if (err != nil) != (i%10 == 3) {
			t.Errorf("image %d: %v", i, err)
		}
	})
	if len(order) != n || !slices.IsSorted(order) {
		t.Errorf("images were done in the order %v", order)
	}
	if most.Load() > 8 {
		t.Errorf("%d images were worked on at once, want 8 at most", most.Load())
	}
}

// TestEachInterrupted: what was begun is reported, and no more is begun.
func TestEachInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var begun atomic.Int64
	done := 0
	many.Each(ctx, 100, func(ctx context.Context, i int) error {
		begun.Add(1)
		if i == 5 {
			cancel()
		}
		if i >= 5 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}, func(i int, err error) {
		if done++; i < 5 && err != nil {
			t.Errorf("image %d: %v", i, err)
		}
	})
	if int64(done) != begun.Load() || done >= 100 {
		t.Errorf("%d images were begun and %d done, want the same number, and not all", begun.Load(), done)
	}
}
