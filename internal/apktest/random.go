package apktest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/pyimg/pyimg/apk/solve"
)

// A RandomCase is a world and the packages that repositories have for it, as lines that Offers reads.
type RandomCase struct {
	Main, Edge string
	World      string
}

// NewRandomCase makes random packages that depend on, conflict with, provide and trigger each other. The same seed
// gives the same case.
func NewRandomCase(seed uint64) RandomCase {
	r := rand.New(rand.NewPCG(seed, 1))
	name := func() string { return fmt.Sprintf("n%d", r.IntN(24)) }
	want := func() string {
		w := name() + []string{"", "", "", "", "<3", ">1", "=2", "~2"}[r.IntN(8)]
		if r.IntN(12) == 0 {
			w = "!" + w
		}
		return w
	}
	list := func(n int, one func() string) string {
		words := make([]string, n)
		for i := range words {
			words[i] = one()
		}
		return strings.Join(words, " ")
	}
	lines := func(n int) string {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "%s=%d", name(), 1+r.IntN(4))
			if n := r.IntN(4); n > 0 {
				fmt.Fprintf(&b, " | D:%s", list(n, want))
			}
			if r.IntN(3) == 0 {
				fmt.Fprintf(&b, " | p:%s", list(1+r.IntN(2), func() string { return name() + []string{"", "=1", "=2"}[r.IntN(3)] }))
			}
			if r.IntN(5) == 0 {
				fmt.Fprintf(&b, " | i:%s", list(1+r.IntN(2), want))
			}
			if r.IntN(4) == 0 {
				fmt.Fprintf(&b, " | k:%d", r.IntN(3)*10)
			}
			b.WriteByte('\n')
		}
		return b.String()
	}
	c := RandomCase{Main: lines(10 + r.IntN(40)), Edge: lines(r.IntN(15))}
	if cut := strings.IndexByte(c.Main, '\n'); r.IntN(2) == 0 {
		c.Edge += c.Main[:cut+1] // the same package in both repositories
	}
	c.World = list(1+r.IntN(4), func() string {
		if r.IntN(6) == 0 {
			return name() + "@edge"
		}
		return want()
	})
	return c
}

// AnswerText returns a solution or an error as text, without the list of the repositories that Solve searched.
func AnswerText(s solve.Solution, err error) string {
	var none *solve.Error
	if errors.As(err, &none) {
		none.Searched = nil
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s\ntags %q\nnotes %q", SolutionText(s), s.Tags, s.Notes)
}
