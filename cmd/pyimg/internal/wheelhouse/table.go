package wheelhouse

import (
	"bytes"
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes rows in columns, without blanks at the end of lines.
func Table(w io.Writer, rows [][]string) error {
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := io.WriteString(columns, strings.Join(row, "\t")+"\n"); err != nil {
			return err
		}
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}
