package remote

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// A Connection is the way to the registries of one call. It greets each registry once, and counts what they answer.
type Connection struct {
	client Client
	way    retrying
	count  atomic.Int64

	mu        sync.Mutex
	greetings map[string]func() (greeting, error) // by registry; each waits for the answer
}

// Connect readies the way to registries. Nothing is sent before a registry is greeted.
func (c Client) Connect() (*Connection, error) {
	inner, err := c.transport()
	if err != nil {
		return nil, err
	}
	n := &Connection{client: c, greetings: map[string]func() (greeting, error){}}
	guard := guarded{inner: inner, insecure: c.PlainHTTP, answered: &n.count}
	n.way = retrying{inner: stalling{inner: guard, stall: c.Stall}, policy: c.policy()}
	return n, nil
}

// Answered is how many requests were answered.
func (n *Connection) Answered() int64 { return n.count.Load() }

// Greet begins to ask a registry how it wants to be asked, unless that has begun. It returns at once; ctx bounds the
// asking, and Open waits for the answer.
func (n *Connection) Greet(ctx context.Context, registry name.Registry) { n.greeting(ctx, registry) }

// greeting is Greet that returns what waits for the answer.
func (n *Connection) greeting(ctx context.Context, registry name.Registry) func() (greeting, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host := registry.RegistryStr()
	if n.greetings[host] != nil {
		return n.greetings[host]
	}
	var g greeting
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		g, err = greet(ctx, registry, n.way)
	}()
	n.greetings[host] = func() (greeting, error) {
		<-done // greet ends with ctx
		return g, err
	}
	return n.greetings[host]
}

// Open readies a repository for requests of a kind, "pull" or "push,pull", and for reading the repositories to mount from.
// It finds the credentials and waits for the registry's greeting; the first request fetches a token.
func (n *Connection) Open(ctx context.Context, repo name.Repository, actions string, from []name.Repository) (*Repository, error) {
	who, err := n.client.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	g, err := n.greeting(ctx, repo.Registry)()
	if err != nil {
		return nil, newError("logging in", repo.Name(), repo.RegistryStr(), who, err)
	}
	scopes := []string{repo.Scope(actions)}
	for _, f := range from {
		scopes = append(scopes, f.Scope(transport.PullScope))
	}
	policy := n.client.policy()
	l := newLogin(g, repo.Registry, who, n.way, policy, scopes)
	return &Repository{Repo: repo, login: l, client: &http.Client{Transport: l, CheckRedirect: checkRedirect}, policy: policy, who: who}, nil
}
