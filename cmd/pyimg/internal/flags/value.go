package flags

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// Set is the flags of a command line; a [cli.Context] is one.
type Set interface {
	String(name string) string
	StringSlice(name string) []string
	Bool(name string) bool
	Int(name string) int
	IsSet(name string) bool
}

// Platforms are the platforms asked for; none means all.
func Platforms(c Set) ([]spec.Platform, error) {
	if !c.IsSet("platform") {
		return nil, nil
	}
	only, err := spec.ParsePlatforms(strings.Join(c.StringSlice("platform"), ","))
	if err != nil {
		return nil, exit.WrongUse(err)
	}
	return only, nil
}

// KeyValues reads a repeatable flag of the form KEY=VALUE.
func KeyValues(c Set, flag string) (map[string]string, error) {
	var m map[string]string
	for _, v := range c.StringSlice(flag) {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			return nil, exit.Usagef("--%s %q: expected KEY=VALUE", flag, v)
		}
		if err := spec.CheckLabel(key, value); err != nil {
			return nil, exit.WrongUse(fmt.Errorf("--%s: %w", flag, err))
		}
		if m == nil {
			m = map[string]string{}
		}
		m[key] = value
	}
	return m, nil
}

// Size reads a number of bytes with a unit: B, kB, MB, GB, TB by thousands, KiB, MiB, GiB, TiB by 1024. Only 0 needs none: who writes 5
// hardly ever means bytes, and "cache prune --max-size 5" would empty the cache.
func Size(text string) (int64, error) {
	at := strings.LastIndexAny(text, "0123456789.") + 1
	number, err := strconv.ParseFloat(text[:at], 64)
	unit, known := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[strings.ToLower(strings.TrimSpace(text[at:]))]
	if bare := text[at:] == "" && number != 0; err != nil || !known || bare || !(number >= 0) || number*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size; expected a number with a unit, such as 2GiB or 500MB", text)
	}
	return int64(number * unit), nil
}

// Age reads a duration as Go writes it, or a number of days.
func Age(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	age, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		var n int64
		if n, err = strconv.ParseInt(days, 10, 32); err == nil && n > int64(math.MaxInt64/day) {
			err = errors.New("too long")
		}
		age = time.Duration(n) * day
	}
	if err != nil || age < 0 {
		return 0, fmt.Errorf("%q is no age; expected a number with a unit, such as 30d, 720h or 90m", text)
	}
	return age, nil
}
