package remote

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pyimg/pyimg/internal/memo"
)

// A Connection reaches the registries of one push or read. It greets each registry once, and counts the answers.
type Connection struct {
	client    Client
	inner     http.RoundTripper
	way       retrying
	count     atomic.Int64
	greetings *memo.Memo // by registry, and its habits
}

// Connect returns a Connection. It sends nothing before Greet or Open is called.
func (c Client) Connect() (*Connection, error) {
	inner, err := c.transport()
	if err != nil {
		return nil, err
	}
	return newConnection(c, inner, new(memo.Memo)), nil
}

func newConnection(c Client, inner http.RoundTripper, greetings *memo.Memo) *Connection {
	n := &Connection{client: c, inner: inner, greetings: greetings}
	guard := guarded{inner: inner, insecure: c.PlainHTTP, answered: &n.count}
	n.way = retrying{inner: stalling{inner: guard, stall: c.Stall}, policy: c.policy()}
	return n
}

// Another returns a Connection that knows the registries' greetings, and counts its own answers.
func (n *Connection) Another() *Connection { return newConnection(n.client, n.inner, n.greetings) }

// Answered returns how many requests were answered.
func (n *Connection) Answered() int64 { return n.count.Load() }

// Greet asks a registry how clients must authenticate, unless it has been asked already. Greet returns at once; ctx
// bounds the request, and Open waits for the answer.
func (n *Connection) Greet(ctx context.Context, registry name.Registry) {
	go func() { _, _ = n.greeting(ctx, registry) }() // Open returns the error
}

// greeting is Greet that waits for the answer.
func (n *Connection) greeting(ctx context.Context, registry name.Registry) (greeting, error) {
	return memo.Once(ctx, n.greetings, registry.RegistryStr(), func(ctx context.Context) (greeting, error) { return greet(ctx, registry, n.way) })
}

// Open prepares requests to a repository. actions is "pull" or "push,pull"; from are the repositories to mount blobs
// from, which must be readable. Open finds the credentials and waits for the registry's greeting. The first request
// then fetches a token.
func (n *Connection) Open(ctx context.Context, repo name.Repository, actions string, from []name.Repository) (*Repository, error) {
	cred, err := n.client.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	g, err := n.greeting(ctx, repo.Registry)
	if err != nil {
		return nil, newError("logging in", repo.Name(), repo.RegistryStr(), cred, err)
	}
	scopes := []string{repo.Scope(actions)}
	for _, f := range from {
		scopes = append(scopes, f.Scope(transport.PullScope))
	}
	policy := n.client.policy()
	l := newLogin(g, repo.Registry, cred, n.way, policy, scopes)
	h, err := memo.Once(ctx, n.greetings, habitsOf(repo.RegistryStr()), func(context.Context) (*habits, error) { return new(habits), nil })
	if err != nil {
		return nil, newError("logging in", repo.Name(), repo.RegistryStr(), cred, err)
	}
	client := &http.Client{Transport: l, CheckRedirect: checkRedirect}
	return &Repository{Repo: repo, login: l, client: client, policy: policy, cred: cred, habits: h}, nil
}

// habits are what a run has learned about a registry.
type habits struct {
	sendsLocation atomic.Bool // it takes no blob with the request that begins an upload
}

// habitsOf is the question for the habits of a registry.
type habitsOf string
