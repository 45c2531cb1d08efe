package strictyaml_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

// A pet is what the document of these tests describes.
type pet struct {
	name string
	legs int
	eats []string
}

func (p *pet) fields(d *strictyaml.Decoder) strictyaml.Fields {
	return strictyaml.Fields{
		{Name: "name", Read: d.Str(&p.name), Value: p.name},
		{Name: "legs", Read: d.Integer(&p.legs, 0, 8), Value: p.legs},
		{Name: "eats", Read: d.List(func(s string) error { p.eats = append(p.eats, s); return nil }), Value: p.eats},
	}
}

func read(text string) (pet, error) {
	d := strictyaml.New("pet.yaml", "pet")
	var p pet
	if top := d.Parse([]byte(text)); top != nil {
		d.Mapping("", top, p.fields(d))
	}
	return p, d.Err()
}

// One table reads a mapping and writes it. All faults are found at once, each with its place.
func Example() {
	p, err := read("name: Rex\nlegs: 4\neats: fish\n")
	fmt.Println(p, err)
	text, err := yaml.Marshal(p.fields(nil).YAML())
	fmt.Print(string(text), err, "\n")
	_, err = read("nam: Rex\nlegs: 40\n")
	fmt.Println(err)
	// Output:
	// {Rex 4 [fish]} <nil>
	// name: Rex
	// legs: 4
	// eats:
	// - fish
	// <nil>
	// pet.yaml:1:1: nam: unknown field; did you mean "name"? known here: eats, legs, name
	// pet.yaml:2:7: legs: expected a number from 0 to 8, found "40"
}

func TestScalarsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"3.10", "0755", "1e3", "yes", "~x", "'a: b'", "!!str 7", "\"\\u0041\""} {
		p, err := read("name: " + text + "\n")
		want := strings.TrimPrefix(strings.Trim(text, `'"`), "!!str ")
		if want == `\u0041` {
			want = "A"
		}
		if err != nil || p.name != want {
			t.Errorf("%s: %q, %v, want %q", text, p.name, err, want)
		}
	}
	if p, err := read("name: Rex\nlegs: ~\neats:\n"); err != nil || p.legs != 0 || p.eats != nil {
		t.Errorf("a key without a value: %+v, %v, want it left out", p, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: Rex\nlegs: 4\neats: [fish, &a b, *a]\n"))
	f.Add([]byte("a: &a [*a]\n---\n"))
	f.Add([]byte("? x\n: !t y\n\xff\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := read(string(data))
		var faults *strictyaml.Error
		if err != nil && (!errors.As(err, &faults) || len(faults.Faults) == 0) {
			t.Fatalf("%T %v is not an *Error with faults", err, err)
		}
		if err != nil {
			return
		}
		text, err := yaml.Marshal(p.fields(nil).YAML())
		if err != nil {
			t.Fatal(err)
		}
		again, err := read(string(text))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(p) {
			t.Errorf("%q is written as %q and read as %v, %v, want %v", data, text, again, err, p)
		}
	})
}
