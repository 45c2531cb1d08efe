package lock

// Python pins the spec's lock or requirements files of Python packages, which a spec's digest does not cover.
type Python struct {
	Digest string `json:"digest"` // of their contents, and of the files that they include
}

// WheelIndex pins an index of wheels in a registry.
type WheelIndex struct {
	Index  string `json:"index"`  // as the spec has it: oci:HOST/REPOSITORY:TAG
	Digest string `json:"digest"` // of the index when wheels were taken from it
}

// Wheel is one wheel of a platform.
type Wheel struct {
	Name    string `json:"name"` // normalised
	Version string `json:"version"`
	File    string `json:"file"`          // its name, with the tags
	URL     string `json:"url,omitempty"` // without credentials and query
	// Incomplete says that the wheel is not at URL, but at one with a query, a user name or a password, which no lock holds.
	Incomplete bool `json:"incomplete,omitempty"`

	Path   string `json:"path,omitempty"` // of a local file: from the spec's folder
	SHA256 string `json:"sha256"`         // in hexadecimal
	Size   int64  `json:"size"`           // in bytes
	Layer  string `json:"layer"`          // digest of the layer that has its files
}

// WheelsRecipe names the wheels that a layer is made of. A build of the platform makes the layer again.
type WheelsRecipe struct {
	Version int      `json:"version"` // to be raised when the same inputs give other bytes
	Wheels  []string `json:"wheels"`  // their SHA-256, in hexadecimal
}

// WheelsPrefix begins Layer.From of a layer of wheels: "wheel idna==3.10 jinja2==3.1.6".
const WheelsPrefix = "wheel "

// OfWheels reports whether the layer has the files of wheels.
func (l Layer) OfWheels() bool { return l.Recipe != nil && l.Recipe.Wheels != nil }
