package fetch

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/pyimg/pyimg/internal/redact"
)

// A Page is the body of an answer, its media type and its URL.
type Page struct {
	io.ReadCloser
	ContentType string
	URL         string // after redirects, with its query; without user and password
}

// OpenPage opens a page that a server may have in several forms. accept is the value of the Accept header. Resolve the
// page's links relative to its URL. A local file has no media type and no other URL.
func (c *Client) OpenPage(ctx context.Context, location, accept string) (Page, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		r, err := c.Open(ctx, location)
		return Page{ReadCloser: r, URL: location}, err
	}
	var d *download
	r, _, err := c.start(ctx, u, redact.URL(location), 0, func(started *download) {
		d = started
		d.accepted = accept
	})
	if err != nil {
		return Page{}, err
	}
	return Page{r, d.contentType, d.landed}, nil
}

// landing returns the URL that redirects led to, without credentials.
func (d *download) landing(resp *http.Response) string {
	at := *d.url
	if resp.Request != nil {
		at = *resp.Request.URL
	}
	at.User, at.Fragment = nil, ""
	return at.String()
}
