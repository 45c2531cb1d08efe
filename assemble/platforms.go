package assemble

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pyimg/pyimg/assemble/spec"
)

// eachPlatform runs do for all platforms at once. It returns all their errors, each with the platforms it concerns.
func eachPlatform(platforms []spec.Platform, do func(i int) error) error {
	errs := make([]error, len(platforms))
	var wg sync.WaitGroup
	for i := range platforms {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return joinByPlatform(platforms, errs)
}

// joinByPlatform joins the errors of the platforms; one that several share is said once.
func joinByPlatform(platforms []spec.Platform, errs []error) error {
	texts := make([][]string, len(errs))
	byText := make(map[string]error)
	for i, err := range errs {
		if err != nil {
			texts[i] = []string{err.Error()}
			byText[err.Error()] = err
		}
	}
	var joined []error
	for _, n := range spec.ByPlatform(platforms, texts) {
		joined = append(joined, fmt.Errorf("%s: %w", n.Where, byText[n.Text]))
	}
	if len(joined) == 1 {
		return joined[0]
	}
	return errors.Join(joined...)
}

// warnings are texts by platform, each with the platforms that it concerns.
func warnings(platforms []spec.Platform, texts [][]string) []string {
	var all []string
	for _, n := range spec.ByPlatform(platforms, texts) {
		all = append(all, n.Where+": "+n.Text)
	}
	return all
}
