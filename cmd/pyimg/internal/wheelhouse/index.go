package wheelhouse

import (
	"os"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/repository"
)

// OpenIndex opens the index that the first argument names: its folder, or the wheels.yaml that names it. The configuration is
// empty for a folder.
func OpenIndex(args []string) (*repository.Repository, config.Config, error) {
	if len(args) == 1 {
		if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
			return repository.Open(args[0]), config.Config{}, nil
		}
	}
	c, err := ReadConfig(args)
	if err != nil {
		return nil, c, err
	}
	r := repository.Open(c.Path(c.Index))
	if _, err := os.Stat(r.Dir()); err != nil {
		return nil, c, exit.Usagef("opening the index: %w; \"pyimg wheels build\" makes it", err)
	}
	return r, c, nil
}
