package assemble

import (
	"cmp"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers/tree"
)

// Verify checks, without running anything, that a container of the image could start, and that what is in it could work.
func Verify(t *tree.Tree, p spec.Platform, c v1.Config) []check.Finding {
	return check.Check(checkedImage(p, t, c))
}

// image is what the checks go by. A platform that Alpine does not have is one of any machine.
func checkedImage(p spec.Platform, t *tree.Tree, c v1.Config) check.Image {
	machine, bits := p.Machine()
	return check.Image{Platform: p.String(), Config: c, Tree: t, Machine: machine, Bits: bits}
}

// verify checks what is laid out. The error is a *check.UnsoundError where a container could not start. What is wrong with the base
// alone stops nothing: the warnings sum it up.
func verify(s stack, plan PlatformPlan, c v1.Config) (check.Report, []string, error) {
	findings := Verify(s.tree, plan.Platform, c)
	var warnings []string
	if plan.Base != nil && len(findings) > 0 {
		findings, warnings = withoutBase(findings, baseFindings(plan), plan.Base.Locked.Name())
	}
	report := *check.NewReport(plan.Platform.String(), len(s.layers)+1, s.tree, findings) // the last layer is made once this has passed
	if report.Errors() > 0 {
		return report, warnings, &check.UnsoundError{Findings: findings}
	}
	return report, warnings, nil
}

// A fault is what is the same of two findings of the same fault.
type fault struct{ check, path, msg string }

func faultOf(f check.Finding) fault { return fault{f.Check, f.Path, f.Msg} }

// baseFindings are what is wrong with the base alone.
func baseFindings(plan PlatformPlan) map[fault]bool {
	own := make(map[fault]bool)
	for _, f := range Verify(plan.Base.Root(), plan.Platform, plan.Base.Config) {
		own[faultOf(f)] = true
	}
	return own
}

// withoutBase makes notes of the findings that the base has alone, and sums them up.
func withoutBase(findings []check.Finding, own map[fault]bool, name string) ([]check.Finding, []string) {
	out := slices.Clone(findings)
	count, first := 0, ""
	for i, f := range out {
		if !own[faultOf(f)] || f.Severity == check.Note {
			continue
		}
		if count++; first == "" {
			first = f.Msg
		}
		out[i].Severity, out[i].Msg = check.Note, "the base has it: "+f.Msg
	}
	if count == 0 {
		return out, nil
	}
	slices.SortStableFunc(out, func(a, b check.Finding) int { return cmp.Compare(a.Severity, b.Severity) })
	return out, []string{fmt.Sprintf("the base %s has faults of its own (%d), such as: %s; \"pyimg verify\" of it lists them", name, count, first)}
}
