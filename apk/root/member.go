package root

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// records yields the member's PAX records.
func (m Member) records() iter.Seq2[string, string] {
	if m.Records == nil {
		return maps.All(m.Header.PAXRecords)
	}
	return m.Records
}

// checksum returns the SHA-1 that the archive has of the member, or nil.
func (m Member) checksum() []byte {
	for name, text := range m.records() {
		if sum, err := hex.DecodeString(text); name == checksumRecord && err == nil {
			return sum
		}
	}
	return nil
}

// aclOf returns a member's attributes as the database has them.
func (in *installer) aclOf(m Member) *acl {
	return in.shareACL(acl{
		mode:   m.Header.Mode & modeAll,
		uid:    in.owners.user(m.Header.Uname, m.Header.Uid),
		gid:    in.owners.group(m.Header.Gname, m.Header.Gid),
		xattrs: xattrChecksum(m.records()),
	})
}

// shareACL returns a, or an equal one: most files of a root have the same attributes.
func (in *installer) shareACL(a acl) *acl {
	shared := in.acls[a]
	if shared == nil {
		shared = &a
		in.acls[a] = shared
	}
	return shared
}

// xattrChecksum returns the checksum of extended attributes, or "" for a member without any. It covers the names and values,
// sorted by name, each after its length.
func xattrChecksum(records iter.Seq2[string, string]) string {
	var xattrs map[string]string
	for key, value := range records {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			if xattrs == nil {
				xattrs = make(map[string]string)
			}
			xattrs[name] = value
		}
	}
	if xattrs == nil {
		return ""
	}
	var hashed []byte
	for _, name := range slices.Sorted(maps.Keys(xattrs)) {
		for _, s := range []string{name, xattrs[name]} {
			hashed = binary.BigEndian.AppendUint32(hashed, uint32(len(s)))
			hashed = append(hashed, s...)
		}
	}
	return apk.Checksum(sha1.Sum(hashed)).String()
}
