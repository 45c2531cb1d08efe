package spec

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/strictyaml"
)

// AlpineField decodes in another document what a spec has under alpine.
func AlpineField(d *strictyaml.Decoder, to *Alpine) strictyaml.Field {
	return d.Within(func() strictyaml.Fields { return decoder{d}.alpineFields(to) })
}

// RuntimesField decodes in another document what a spec has under runtime.
func RuntimesField(d *strictyaml.Decoder, to *[]Runtime) strictyaml.Field {
	return func(path string, n ast.Node) { decoder{d}.runtimes(to, path, n) }
}
