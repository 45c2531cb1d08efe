package audit

import (
	"debug/elf"
	"io"
)

// names reads the names that an ELF file needs of others, without weak ones, and those that it defines. A file that cannot be read
// so has none: elf.Read of layers/elf says what is wrong with it.
func names(r io.ReaderAt) (imports []string, exports map[string]bool) {
	exports = make(map[string]bool)
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, exports
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, exports
	}
	for _, s := range symbols {
		switch {
		case s.Name == "" || elf.ST_BIND(s.Info) == elf.STB_LOCAL:
		case s.Section != elf.SHN_UNDEF:
			exports[s.Name] = true
		case elf.ST_BIND(s.Info) != elf.STB_WEAK:
			imports = append(imports, s.Name)
		}
	}
	return imports, exports
}
