package apk_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A lender is a Cache that overwrites what is given back.
type lender struct {
	*memory
	lent, back int
}

func (l *lender) LendRecord(key string) (data []byte, giveBack func(), err error) {
	data, err = l.Record(key)
	if err != nil {
		return nil, nil, err
	}
	data = bytes.Clone(data)
	l.lent++
	return data, func() {
		l.back++
		copy(data, bytes.Repeat([]byte{0xff}, len(data)))
	}, nil
}

func TestClosedIndexIsEmptyAndItsPackagesStay(t *testing.T) {
	t.Parallel()
	l := &lender{memory: newMemory()}
	src := files{cachedAt: buildIndex(t, fixture.Index{})}
	o := cachedOptions(l, apktest.Ring(t, fixture.TestKey()))
	want := slices.Collect(load(t, src, o).Packages())
	x := load(t, src, o)
	view := x.Where(func(*apk.Package) bool { return true })
	got := slices.Concat(slices.Collect(x.Packages()), slices.Collect(x.Named("hello")), x.These([]int{0}))
	x.Close()
	x.Close() // does nothing
	if text := packagesText(x) + packagesText(view); text != "[][]" {
		t.Errorf("a closed index and its view have %s", text)
	}
	want = slices.Concat(want, []*apk.Package{want[slices.IndexFunc(want, func(p *apk.Package) bool { return p.Name == "hello" })], want[0]})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(apk.Package{})); diff != "" {
		t.Errorf("after Close (-want +got):\n%s", diff)
	}
}

// What is not used, and what only FetchIndex looks at, is given back without Close.
func TestIndexThatNobodyGetsIsGivenBack(t *testing.T) {
	t.Parallel()
	l := &lender{memory: newMemory()}
	src := files{cachedAt: buildIndex(t, fixture.Index{})}
	load(t, src, cachedOptions(l, apktest.Ring(t, fixture.TestKey())))
	l.lent, l.back = 0, 0
	if _, err := apk.LoadIndex(t.Context(), src, cachedOptions(l, apktest.Ring(t, fixture.OtherKey()))); err == nil {
		t.Error("an index was trusted whose key is not")
	}
	if l.lent == 0 || l.lent != l.back {
		t.Errorf("%d records were lent, and %d given back", l.lent, l.back)
	}
}
