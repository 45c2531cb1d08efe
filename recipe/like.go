package recipe

import "cmp"

// over is what a recipe becomes that is like another one. Sources, options, variables and steps replace those of their name, and
// others follow. What it holds replaces all that the other one holds. Packages, tools, needs and files follow the other recipe's.
func (r Recipe) over(base Recipe) Recipe {
	r.Name, r.Version, r.About = cmp.Or(r.Name, base.Name), cmp.Or(r.Version, base.Version), cmp.Or(r.About, base.About)
	r.Base = append(append([]byte(nil), base.Base...), base.Text...)
	r.Sources = replaced(base.Sources, r.Sources, func(s Source) string { return s.Name })
	if r.Holds == nil {
		r.Holds = base.Holds
	}
	r.Options = replaced(base.Options, r.Options, func(o Option) string { return o.Name })
	r.Variables = replaced(base.Variables, r.Variables, func(v Variable) string { return v.Name })
	r.Steps = replaced(base.Steps, r.Steps, func(s Step) string { return s.Name })
	r.Packages = append(append([]Item(nil), base.Packages...), r.Packages...)
	r.Tools = append(append([]string(nil), base.Tools...), r.Tools...)
	r.Needs = append(append([]string(nil), base.Needs...), r.Needs...)
	r.Files = append(append([]string(nil), base.Files...), r.Files...)
	return r
}

// replaced puts each of others in the place of the one with its name, or at the end.
func replaced[T any](base, others []T, name func(T) string) []T {
	at := make(map[string]int, len(base))
	out := append([]T(nil), base...)
	for i, one := range out {
		at[name(one)] = i
	}
	for _, one := range others {
		if i, known := at[name(one)]; known {
			out[i] = one
			continue
		}
		at[name(one)] = len(out)
		out = append(out, one)
	}
	return out
}
