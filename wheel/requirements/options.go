package requirements

import (
	"fmt"
	"strings"
)

// option is an option with its value.
type option struct{ name, value string }

// known are the options of requirements files by their names, with the long name
// and whether a value follows.
func known(name string) (long string, takesValue, ok bool) {
	switch name {
	case "-r":
		return "--requirement", true, true
	case "-c":
		return "--constraint", true, true
	case "-e":
		return "--editable", true, true
	case "-i", "--pypi-url":
		return "--index-url", true, true
	case "-f":
		return "--find-links", true, true
	case "-C":
		return "--config-settings", true, true
	case "--requirement", "--constraint", "--editable", "--index-url", "--extra-index-url", "--find-links", "--no-binary", "--only-binary",
		"--trusted-host", "--use-feature", "--hash", "--global-option", "--config-settings", "--config-setting":
		return name, true, true
	case "--no-index", "--prefer-binary", "--require-hashes", "--pre":
		return name, false, true
	}
	return "", false, false
}

// noEffect says why an option that pip knows changes nothing here.
func noEffect(name string) string {
	switch name {
	case "--global-option", "--config-settings", "--config-setting":
		return "nothing is built, wheels are taken as they are"
	case "--pre":
		return "each version is pinned"
	case "--prefer-binary", "--only-binary", "--no-binary":
		return "only wheels are taken"
	case "--use-feature":
		return "it is for pip"
	}
	return "name the indexes and folders of wheels under wheels:"
}

// parseOptions reads --name=value, --name value, -n value and -nvalue.
func parseOptions(words []string) ([]option, error) {
	var options []option
	for i := 0; i < len(words); i++ {
		word := words[i]
		name, value, hasValue := strings.Cut(word, "=")
		if !strings.HasPrefix(word, "--") && len(word) > 2 {
			name, value, hasValue = word[:2], word[2:], true
		}
		long, takesValue, ok := known(name)
		switch {
		case !ok && !strings.HasPrefix(word, "-"):
			return nil, fmt.Errorf("%.100q follows an option: expected one requirement a line", word)
		case !ok:
			return nil, fmt.Errorf("unknown option %.100s", name)
		case hasValue && !takesValue:
			return nil, fmt.Errorf("option %s takes no value", name)
		case takesValue && !hasValue:
			if i++; i == len(words) {
				return nil, fmt.Errorf("option %s wants a value", name)
			}
			value = words[i]
		}
		options = append(options, option{long, value})
	}
	return options, nil
}

// shellWords splits text as a shell does: at blanks, with quotes and backslashes.
func shellWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t'):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
			continue
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
