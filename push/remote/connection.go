package remote

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// A Connection reaches the registries of one push or read. It greets each registry once, and counts the answers.
type Connection struct {
	client Client
	way    retrying
	count  atomic.Int64

	mu        sync.Mutex
	greetings map[string]func() (greeting, error) // by registry; each function waits for the answer
}

// Connect returns a Connection. It sends nothing before Greet or Open is called.
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

// Answered returns how many requests were answered.
func (n *Connection) Answered() int64 { return n.count.Load() }

// Greet asks a registry how clients must authenticate, unless it has been asked already. Greet returns at once; ctx
// bounds the request, and Open waits for the answer.
func (n *Connection) Greet(ctx context.Context, registry name.Registry) { n.greeting(ctx, registry) }

// greeting is Greet that returns a function which waits for the answer.
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
		<-done // greet returns when ctx ends
		return g, err
	}
	return n.greetings[host]
}

// Open prepares requests to a repository. actions is "pull" or "push,pull"; from are the repositories to mount blobs
// from, which must be readable. Open finds the credentials and waits for the registry's greeting. The first request
// then fetches a token.
func (n *Connection) Open(ctx context.Context, repo name.Repository, actions string, from []name.Repository) (*Repository, error) {
	cred, err := n.client.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	g, err := n.greeting(ctx, repo.Registry)()
	if err != nil {
		return nil, newError("logging in", repo.Name(), repo.RegistryStr(), cred, err)
	}
	scopes := []string{repo.Scope(actions)}
	for _, f := range from {
		scopes = append(scopes, f.Scope(transport.PullScope))
	}
	policy := n.client.policy()
	l := newLogin(g, repo.Registry, cred, n.way, policy, scopes)
	return &Repository{Repo: repo, login: l, client: &http.Client{Transport: l, CheckRedirect: checkRedirect}, policy: policy, cred: cred}, nil
}
