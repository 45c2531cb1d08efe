package spec

// Accounts are users and groups in addition to those of the image's packages.
type Accounts struct {
	Users  []User  `json:",omitempty"`
	Groups []Group `json:",omitempty"`
}

// User is a line of etc/passwd; see passwd(5). Empty fields get their defaults when the line is written.
type User struct {
	Name   string
	UID    int
	GID    *int     `json:",omitempty"` // nil: the group with the user's name; if it is created, with the user's number
	Gecos  string   `json:",omitempty"`
	Home   string   `json:",omitempty"` // "": /home/NAME
	Shell  string   `json:",omitempty"` // "": /sbin/nologin
	Groups []string `json:",omitempty"` // names of further groups
}

// Group is a line of etc/group; see group(5).
type Group struct {
	Name    string
	GID     int
	Members []string `json:",omitempty"` // names of users
}
