package progress

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pyimg/pyimg/internal/termtext"
)

// nameWidth is the width of a name before its bar: enough for the kind and the beginning of a digest.
const nameWidth = 32

// bars draws a bar for each running transfer and one for all transfers together. It removes a bar when its transfer is
// done.
type bars struct {
	out *mpb.Progress

	mu    sync.Mutex
	total *mpb.Bar
	size  int64 // of all transfers that have begun
	count int   // how many transfers have begun
	open  map[*mpb.Bar]bool

	closed bool
}

func newBars(w io.Writer) *bars {
	// mpb would not recognize a terminal behind a wrapped writer, but the caller has checked that it is one.
	console := cupwriter.New(atLineStart{w}, true)
	if f, ok := w.(*os.File); ok {
		console.SetTermFd(int(f.Fd())) // to find the terminal's width
	}
	return &bars{open: map[*mpb.Bar]bool{}, out: mpb.New(mpb.WithConsoleWriter(console), mpb.ForceAutoRefresh(), mpb.WithWidth(40))}
}

// atLineStart starts each picture at the left: the terminal may have moved the cursor since the last one, by showing
// ^C.
type atLineStart struct{ w io.Writer }

func (a atLineStart) Write(p []byte) (int, error) {
	n, err := a.w.Write(append([]byte("\r"), p...))
	return max(0, n-1), err
}

func (b *bars) Start(kind, name string, size int64) Task {
	size = max(size, 0)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed { // an upload that was cancelled may still begin, and mpb would panic
		return quiet{}
	}
	if b.total == nil {
		b.total = b.add("total", lowest)
	}
	b.size += size
	b.count++
	b.total.SetTotal(b.size, false)
	bar := b.add(termtext.Line(kind)+" "+short(name), b.count)
	bar.SetTotal(size, false)
	b.open[bar] = true
	return &barTask{all: b, total: b.total, bar: bar}
}

// lowest is the priority of the bar that is drawn below all others.
const lowest = math.MaxInt32

// add makes a bar that stays when it is full. Only Done ends it, because a retry may take bytes back. mpb keeps a full
// bar only where the bar was made without a total.
func (b *bars) add(name string, priority int) *mpb.Bar {
	return b.out.AddBar(0,
		mpb.BarPriority(priority),
		mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-*s", nameWidth, name))),
		mpb.AppendDecorators(
			decor.CountersKiloByte("% .1f / % .1f"),
			decor.AverageSpeed(decor.SizeB1000(0), "  % .1f"),
			decor.AverageETA(decor.ET_STYLE_GO, decor.WC{W: 6}),
		),
	)
}

// short cuts a name to nameWidth and leaves out the common beginnings of digests and platforms. It keeps the platform,
// which follows a space: two names may differ only in that.
func short(name string) string {
	name, platform, found := strings.Cut(strings.TrimPrefix(termtext.Line(name), "sha256:"), " ")
	if found {
		platform = " " + strings.TrimPrefix(platform, "linux/")
	}
	r, tail := []rune(name), []rune(platform)
	if room := max(1, nameWidth-len("upload ")-len(tail)); len(r) > room {
		r = append(r[:room-1], '…')
	}
	return string(r) + string(tail)
}

// Close removes the bars from the screen.
func (b *bars) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	if b.total != nil {
		b.open[b.total] = true
	}
	for bar := range b.open {
		bar.Abort(true)
	}
	b.out.Wait() // Shutdown would leave the last picture on the screen
}

type barTask struct {
	all        *bars
	total, bar *mpb.Bar
}

func (t *barTask) Add(n int64) {
	t.bar.IncrInt64(n)
	t.total.IncrInt64(n)
}

func (t *barTask) Done(error) {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	delete(t.all.open, t.bar)
	t.bar.Abort(true)
}
