// Package specfile writes a spec as a person would: only the fields that are needed, in the order of the documentation, with
// comments. It does not check values; assemble/spec does that when it reads the result.
package specfile

// Spec is what is written. The zero value of a field is left out.
type Spec struct {
	Head         []string          // comments at the top
	Base         map[string]string // the image to build on by platform; the key "" is for all
	BaseWhy      string
	Branch       string // of Alpine
	BranchWhy    string
	Repositories []string
	Keys         []string
	Platforms    []string
	PlatformsWhy string
	Packages     []Item
	Runtime      string // its source
	RuntimeWhy   string
	Allocator    string
	AllocatorWhy string
	Python       Python
	Bytecode     string
	Users        []User
	Groups       []Group
	Dirs         []Dir
	Files        []Files
	FilesWhy     []string // comments before the files
	Paths        []Path
	Certificates []string
	Image        Image
	Foot         []string // comments at the end
}

// Item is a value with the reason for it.
type Item struct{ Value, Why string }

// Python is the field python. If it is Disabled, it is written as comments.
type Python struct {
	Lock         string
	Requirements []string
	Extras       []string
	Groups       []string
	NoDeps       bool
	Wheels       []string
	Why          []string // comments before it
	Disabled     bool
}

// Files is an entry of files. Numbers and modes are as they are written; "" leaves them out.
type Files struct {
	From, To, UID, GID, Mode string
	Exclude                  []string
	Replace                  bool
	Why                      string
}

// Dir is an entry of dirs.
type Dir struct{ Path, UID, GID, Mode string }

// Path is an entry of paths.
type Path struct {
	Path, UID, GID, Mode, DirMode, Symlink string
	Recursive                              bool
}

// User is an account.
type User struct {
	Name, UID, GID, Home, Shell string
	Groups                      []string
	Why                         string
}

// Group is a group of accounts.
type Group struct {
	Name, GID string
	Members   []string
}

// Image is the configuration of the image.
type Image struct {
	Entrypoint, Cmd       []string
	EntrypointWhy, CmdWhy string
	Env                   []Pair
	User, UserWhy         string
	Workdir               string
	Labels, Annotations   []Pair
	Ports, Volumes        []string
	StopSignal            string
	Healthcheck           Healthcheck
}

// Healthcheck is the field healthcheck. Numbers and durations are as they are written.
type Healthcheck struct {
	None                                                   bool
	Test                                                   []string
	Interval, Timeout, StartPeriod, StartInterval, Retries string
}

// Pair is a key with its value, and the reason for it.
type Pair struct{ Key, Value, Why string }
