package build

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheels/plan"
)

// Memory keeps what backends answered, such as a store of records.
type Memory interface {
	Record(key string) ([]byte, error)
	SetRecord(key string, data []byte) error
}

// Unasked is an item whose backend could not be asked.
type Unasked struct {
	Item   *plan.Item
	Reason string
}

// Ask finds out what the backends of a plan's wanted items ask for at build time, so that the planner chooses that, too. It runs their
// hooks as Run does, and builds no wanted item. A build requirement that has no wheel is built, into Options.Index. What memory knows is not
// asked again. The error is that of a run that cannot go on.
func Ask(ctx context.Context, p plan.Plan, built *Built, memory Memory, o Options) ([]Unasked, error) {
	b := &builds{Options: o, targets: p.Targets, flights: make(map[string]*flight)}
	var asked []*plan.Item
	for _, i := range p.Items {
		if i.Wanted && i.Key != "" && len(i.Dynamic) == 0 {
			asked = append(asked, i)
		}
	}
	b.all = len(asked)
	reasons := make([]string, len(asked))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(o.Jobs, 1))
	for n, i := range asked {
		g.Go(func() error {
			err := b.ask(ctx, i, built, memory)
			if err != nil && ctx.Err() == nil && !isOfSources(err) {
				reasons[n], err = oneLine(err), nil
			}
			return err
		})
	}
	err := g.Wait()
	var out []Unasked
	for n, reason := range reasons {
		if reason != "" {
			out = append(out, Unasked{asked[n], reason})
		}
	}
	return out, err
}

// isOfSources reports whether a source did not answer, or gave another file than was asked for. Any other error is that of one item, or of
// a machine where nothing can be run.
func isOfSources(err error) bool {
	switch exit.Of(err) {
	case exit.Network, exit.Auth, exit.Unverified:
		return true
	}
	return false
}

// ask has the planner know what the backend of one item asks for.
func (b *builds) ask(ctx context.Context, i *plan.Item, built *Built, memory Memory) error {
	key := "asked 1 " + i.Key
	if text, err := memory.Record(key); err == nil {
		var dynamic []string
		if json.Unmarshal(text, &dynamic) == nil {
			if len(dynamic) == 0 {
				return nil
			}
			_, _, err := b.again(ctx, i, dynamic)
			return err
		}
	}
	b.tell(i, "asking", 0)
	dir, err := b.workDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the folder for what is not kept
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	for range maxRounds {
		_, again, err := b.round(ctx, i, dir, &bounded{to: log}, built, true)
		if err != nil {
			return err
		}
		if again == nil {
			b.tell(i, "asked", 1)
			if text, err := json.Marshal(i.Dynamic); err == nil {
				_ = memory.SetRecord(key, text) // else it is asked again
			}
			return nil
		}
		i = again
	}
	return &failedError{errors.New("its backend asks for other requirements again and again")}
}
