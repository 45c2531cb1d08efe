package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

// maxPage bounds the list of a project's files. Nightly builds have 20 MB of it.
const maxPage = 64 << 20

// link is one file as a page lists it.
type link struct {
	name     string // "" where it is the end of the URL
	url      string // without fragment
	hashes   map[string]string
	size     int64
	python   string
	yanked   bool
	metadata bool
	sums     map[string]string // of the metadata
}

// parsePage reads a page of the simple API. base is its address.
func parsePage(data []byte, contentType, base string) (Listing, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = contentType
	}
	var links []link
	switch {
	case strings.HasPrefix(media, "application/vnd.pypi.simple.v") && strings.HasSuffix(media, "+json"), media == "application/json":
		links, err = parseJSON(data)
	case strings.HasPrefix(media, "application/vnd.pypi.simple.v") && strings.HasSuffix(media, "+html"), media == "text/html", media == "application/xhtml+xml", media == "":
		links, base, err = parseHTML(data, base)
	default:
		err = fmt.Errorf("it is %.100q, not a list of files (HTML or JSON)", contentType)
	}
	if err != nil {
		return Listing{}, err
	}
	return listingOf(links, base)
}

// listingOf resolves the links to wheels and sdists; others, and names that are neither's, are left out.
func listingOf(links []link, base string) (Listing, error) {
	from, err := url.Parse(base)
	if err != nil {
		return Listing{}, errors.New("its address is no URL")
	}
	l := Listing{Wheels: make([]File, 0, len(links))}
	for _, link := range links {
		to, err := from.Parse(link.url)
		if err != nil || to.Scheme != "http" && to.Scheme != "https" && to.Scheme != from.Scheme {
			continue
		}
		if link.name == "" {
			link.name = to.Path[strings.LastIndexByte(to.Path, '/')+1:]
		}
		if name, err := tag.ParseFilename(link.name); err == nil {
			l.Wheels = append(l.Wheels, link.wheel(name, to.String()))
		} else if project, v, err := sdist.ParseFilename(link.name); err == nil {
			l.Sdists = append(l.Sdists, link.sdist(project, v, to.String()))
		}
	}
	return l, nil
}

func (l link) wheel(name tag.Filename, address string) File {
	f := File{File: source.File{Filename: name, URL: address, Size: max(l.size, 0)}, Yanked: l.yanked, Metadata: l.metadata, RequiresPython: l.requires()}
	// A list without good hashes is allowed; pyimg.lock then keeps what was found.
	f.Hashes, _ = source.ParseHashes(l.hashes)
	f.MetadataHashes, _ = source.ParseHashes(l.sums)
	return f
}

// requires is its Requires-Python. As with pip, what cannot be read excludes nothing.
func (l link) requires() version.Specifiers {
	s, err := version.ParseSpecifiers(l.python)
	if err != nil {
		return version.Specifiers{}
	}
	return s
}

// parseHTML reads the anchors of a PEP 503 page. A base element changes the address.
func parseHTML(data []byte, base string) ([]link, string, error) {
	z := html.NewTokenizer(bytes.NewReader(data))
	z.SetMaxBuf(1 << 20)
	var links []link
	for {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return nil, "", err
			}
			return links, base, nil
		case html.StartTagToken, html.SelfClosingTagToken:
		default:
			continue
		}
		name, more := z.TagName()
		element := string(name)
		if element != "a" && element != "base" && element != "meta" {
			continue
		}
		attributes := make(map[string]string)
		for more {
			var key, value []byte
			key, value, more = z.TagAttr()
			if _, twice := attributes[string(key)]; !twice {
				attributes[string(key)] = string(value)
			}
		}
		switch element {
		case "a":
			if links = append(links, anchor(attributes)); len(links) > maxFiles {
				return nil, "", fmt.Errorf("it lists more than %d files", maxFiles)
			}
		case "base":
			if u, err := url.Parse(base); err == nil {
				if to, err := u.Parse(attributes["href"]); err == nil && (to.Scheme == "http" || to.Scheme == "https") {
					base = to.String()
				}
			}
		case "meta":
			if attributes["name"] == "pypi:repository-version" {
				if err := checkAPI(attributes["content"]); err != nil {
					return nil, "", err
				}
			}
		}
	}
}

// anchor reads one anchor: its hash is in the fragment of the URL.
func anchor(attributes map[string]string) link {
	l := link{python: attributes["data-requires-python"]}
	var fragment string
	l.url, fragment, _ = strings.Cut(strings.TrimSpace(attributes["href"]), "#")
	l.hashes = parseSum(fragment)
	_, l.yanked = attributes["data-yanked"]
	for _, name := range []string{"data-core-metadata", "data-dist-info-metadata"} {
		if value, ok := attributes[name]; ok && !l.metadata && value != "false" {
			l.metadata, l.sums = true, parseSum(value)
		}
	}
	return l
}

// parseSum reads "sha256=...".
func parseSum(text string) map[string]string {
	name, digest, ok := strings.Cut(text, "=")
	if !ok {
		return nil
	}
	return map[string]string{name: digest}
}

// checkAPI refuses versions of the API after 1.
func checkAPI(text string) error {
	if major, _, _ := strings.Cut(text, "."); major != "1" && text != "" {
		return fmt.Errorf("its API version is %.20q: pyimg knows 1.0", text)
	}
	return nil
}

// page is a PEP 691 page.
type page struct {
	Meta struct {
		Version string `json:"api-version"`
	} `json:"meta"`
	Files []struct {
		Name     string            `json:"filename"`
		URL      string            `json:"url"`
		Hashes   map[string]string `json:"hashes"`
		Size     int64             `json:"size"`
		Python   string            `json:"requires-python"`
		Yanked   any               `json:"yanked"`
		Metadata any               `json:"core-metadata"`
		Older    any               `json:"dist-info-metadata"`
	} `json:"files"`
}

func parseJSON(data []byte) ([]link, error) {
	var p page
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, err
	}
	if err := checkAPI(p.Meta.Version); err != nil {
		return nil, err
	}
	if len(p.Files) > maxFiles {
		return nil, fmt.Errorf("it lists more than %d files", maxFiles)
	}
	links := make([]link, len(p.Files))
	for i, f := range p.Files {
		links[i] = link{name: f.Name, hashes: f.Hashes, size: f.Size, python: f.Python}
		links[i].url, _, _ = strings.Cut(f.URL, "#")
		reason, isText := f.Yanked.(string)
		links[i].yanked = f.Yanked == true || isText && reason != ""
		metadata := f.Metadata
		if metadata == nil {
			metadata = f.Older
		}
		links[i].metadata, links[i].sums = parseMetadata(metadata)
	}
	return links, nil
}

// parseMetadata reads core-metadata: true, or a table of hashes.
func parseMetadata(value any) (bool, map[string]string) {
	table, ok := value.(map[string]any)
	if !ok {
		return value == true, nil
	}
	sums := make(map[string]string)
	for name, digest := range table {
		if text, ok := digest.(string); ok {
			sums[name] = text
		}
	}
	return true, sums
}
