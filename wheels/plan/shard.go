package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Shard is the part of a plan that one of N jobs builds. The wanted projects are dealt out in turn; what they need comes along, so
// that no job waits for another one.
type Shard struct{ I, N int }

// maxShards is far above what CI systems start at once.
const maxShards = 10_000

// ParseShard reads "I/N", I from 1 to N.
func ParseShard(text string) (Shard, error) {
	i, n, ok := strings.Cut(text, "/")
	var s Shard
	var errI, errN error
	s.I, errI = strconv.Atoi(i)
	s.N, errN = strconv.Atoi(n)
	if !ok || errI != nil || errN != nil || s.I < 1 || s.I > s.N || s.N > maxShards {
		return Shard{}, fmt.Errorf("expected I/N, such as 1/4, I from 1 to N, found %q", text)
	}
	return s, nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.I, s.N) }

// Of is the shard's part of a plan. All targets of a project are in one shard.
func (s Shard) Of(p Plan) Plan {
	var projects []string
	for _, i := range p.Items {
		if i.Wanted {
			projects = append(projects, i.Project)
		}
	}
	slices.Sort(projects)
	projects = slices.Compact(projects)
	mine := make(map[string]bool)
	for n, project := range projects {
		mine[project] = n%s.N == s.I-1
	}
	keep := make(map[*Item]bool)
	var follow func(i *Item)
	follow = func(i *Item) {
		if keep[i] {
			return
		}
		keep[i] = true
		for _, q := range i.Requires {
			if q.Item != nil {
				follow(q.Item)
			}
		}
	}
	for _, i := range p.Items {
		if i.Wanted && mine[i.Project] {
			follow(i)
		}
	}
	out := Plan{Targets: p.Targets}
	for _, i := range p.Items {
		if keep[i] {
			if i.Wanted && !mine[i.Project] { // here it is needed for another one
				other := *i
				other.Wanted = false
				out.Items = append(out.Items, &other)
				continue
			}
			out.Items = append(out.Items, i)
		}
	}
	return out
}

// Work are the shards of N that have something to build.
func (p Plan) Work(n int) []Shard {
	var out []Shard
	for i := 1; i <= n; i++ {
		s := Shard{i, n}
		if slices.ContainsFunc(s.Of(p).Items, (*Item).ToBuild) {
			out = append(out, s)
		}
	}
	return out
}
