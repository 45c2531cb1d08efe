package fetch

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/pyimg/pyimg/internal/redact"
)

// A Page is a body with what the server says of it.
type Page struct {
	io.ReadCloser
	ContentType string
	URL         string // after redirects, with a query if it has one; without a user and a password
}

// OpenPage is Open for a page that a server may have in several forms: accept is the value of the Accept header. Links in the
// page start from its URL. A file has neither a type nor another URL.
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

// landing is where redirects led, without credentials.
func (d *download) landing(resp *http.Response) string {
	at := *d.url
	if resp.Request != nil {
		at = *resp.Request.URL
	}
	at.User, at.Fragment = nil, ""
	return at.String()
}
