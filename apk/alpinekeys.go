package apk

import (
	"encoding/hex"
	"slices"
)

// AlpineKey describes one of the keys that Alpine Linux signs with: its name, what it may sign, and how to recognise
// it. The key itself is not part of pyimg; see Keyring.Missing.
type AlpineKey struct {
	ID          string   // as in the key's file name
	Arches      []string // the architectures it signs for
	Fingerprint [32]byte // SHA-256 of the DER SubjectPublicKeyInfo
	Old         bool     // superseded; signs old branches only
}

// Name is the file name that Alpine gives the key. .SIGN entries name the key by it.
func (k AlpineKey) Name() string {
	return "alpine-devel@lists.alpinelinux.org-" + k.ID + ".rsa.pub"
}

// URL is where Alpine publishes the key.
func (k AlpineKey) URL() string { return "https://alpinelinux.org/keys/" + k.Name() }

// AlpineKeys returns Alpine's keys with their architectures, as https://alpinelinux.org/releases.json lists them.
func AlpineKeys() []AlpineKey {
	table := []struct {
		id, fingerprint string
		old             bool
		arches          []string
	}{
		{"6165ee59", "8a70fc55f1a6fb2a392ad5a3e71aff82a637b2b33659c046f6b6a909bb5d1ab7", false, []string{"x86_64"}},
		{"4a6a0840", "4e0c26751a474db486b0a8f37e37ff02e12465e8cea8ef08614ac173cb870f28", true, []string{"x86_64", "x86"}},
		{"5261cecb", "bb1f0937c138e81a838e0958c4c756547dac85794e38bf1a5536a0808dcf95f2", true, []string{"x86_64"}},
		{"61666e3f", "06216db06044f26845ff610f2c253863b9e01fbd4c5557871b8bfa2f5ac96e95", false, []string{"x86"}},
		{"5243ef4b", "40e738cce781c04cac98adf11a1574efdf84209661f6c93098013a0b4809ca00", true, []string{"x86"}},
		{"616ae350", "479f16f4170a9ea0c65e1de854860949b1a549cfa1f43552f7a2e821c9e2f409", false, []string{"aarch64"}},
		{"58199dcc", "635a0325ac8c11ec329698586cd2a8e54c18ba376d5d4bc215a489e1a774fb88", true, []string{"aarch64"}},
		{"616adfeb", "45d409999dd3e16dfce19757fc48f238ae775d17ca319e08e474a471f1ab6521", false, []string{"armv7"}},
		{"616a9724", "4cff6544e8548bd10f959de619ab2184867c8016f03a5c6b8da6f3e88bfb1625", false, []string{"armhf"}},
		{"524d27bb", "cc0b5f10577afdbb3ec288feae97d5681d508cd7086e45693a938e92322d5c5c", true, []string{"armhf", "armv7"}},
		{"616abc23", "654f5e12a67c95bedf92da80b6257abba7fe1df6698820825d793a33d677e3a1", false, []string{"ppc64le"}},
		{"58cbb476", "f3d1a46b632166cee03485c05b63fd8687a7a7d8b1d27528718029c63a955319", true, []string{"ppc64le"}},
		{"616ac3bc", "2ace5cf3235c095544c26ec946611836f39324aa264f75862fe0332eb17f0975", false, []string{"s390x"}},
		{"58e4f17d", "556c20b04b6b517652477f20108350367c125994f07196d765bd836063ffc236", true, []string{"s390x"}},
		{"616db30d", "32246c9a9673e3f6e7bef6c96031883d23078f41094ea6636d19a697f356420a", false, []string{"riscv64"}},
		{"60ac2099", "c0bd6da992b7158927aae7c11fc416a2c7d63fd2a47db238a0e8f636ebf2fc9d", true, []string{"riscv64"}},
		{"66ba20fe", "cda03d97275759b9af27883bf8613abcfd2ca42860bf2dcf985bacbddfcf1c9a", false, []string{"loongarch64"}},
	}
	keys := make([]AlpineKey, len(table))
	for i, row := range table {
		keys[i] = AlpineKey{ID: row.id, Arches: row.arches, Old: row.old}
		// The table is ours and a test decodes every row, so the error cannot occur.
		_, _ = hex.Decode(keys[i].Fingerprint[:], []byte(row.fingerprint))
	}
	return keys
}

// alpineKey returns the first of Alpine's keys that match accepts.
func alpineKey(match func(AlpineKey) bool) (AlpineKey, bool) {
	keys := AlpineKeys()
	i := slices.IndexFunc(keys, match)
	if i < 0 {
		return AlpineKey{}, false
	}
	return keys[i], true
}

func alpineKeyNamed(name string) (AlpineKey, bool) {
	return alpineKey(func(k AlpineKey) bool { return k.Name() == name })
}
