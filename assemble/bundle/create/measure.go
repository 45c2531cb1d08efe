package create

import "path/filepath"

// Sizes say how large a bundle is and what making it takes, in bytes.
type Sizes struct {
	Files   int   `json:"files"`   // those of the base not counted, nor the manifest
	Bundle  int64 `json:"bundle"`  // that the bundle takes, all of it
	Indexes int64 `json:"indexes"` // fetched already, to find out; manifests of base images too
	Fetch   int64 `json:"fetch"`   // to be fetched yet
	Cached  int64 `json:"cached"`  // taken from the cache
	Kept    int64 `json:"kept"`    // there from an earlier run
	InBase  int64 `json:"inBase"`  // left to the base of a delta
	Need    int64 `json:"need"`    // to be written, the files of a tar before it is made included
	Free    int64 `json:"free"`    // at Output; -1 where the system does not say
}

// Fits reports whether there is room for it.
func (s Sizes) Fits() bool { return s.Free < 0 || s.Need <= s.Free }

// measure sums up what making the bundle of a plan takes.
func measure(p *plan, o Options, at *place) (Sizes, error) {
	s, written := p.sums(o.DryRun)
	m, err := p.manifest(o.Since)
	if err != nil {
		return s, err
	}
	text, err := m.TextSize()
	if err != nil {
		return s, err
	}
	s.Bundle = m.Size() + text
	s.Need = written + text
	if o.Tar {
		l, err := m.Layout()
		if err != nil {
			return s, err
		}
		s.Bundle = l.Size
		if o.Split > 0 {
			s.Bundle += sumsSize(filepath.Base(o.Output), s.Bundle, o.Split)
		}
		if o.Stream == nil {
			s.Need += s.Bundle
		}
	}
	s.Free = freeSpace(at.dir)
	return s, nil
}

// sums are the sizes that the files have together, and what is to be written of them.
func (p *plan) sums(dryRun bool) (s Sizes, written int64) {
	for i, j := range p.jobs {
		size := p.files.At(i).Size
		if j.at == inBase {
			s.InBase += size
			continue
		}
		s.Files++
		switch j.at {
		case remote:
			s.Fetch += size - j.there
			written += size - j.there
		case cached:
			s.Cached += size
			written += size
		case kept:
			s.Kept += size
		case local:
			written += size
		case earlier:
			s.Kept += size
			written += size
		case ready:
			if dryRun || j.special != nil && j.text != nil {
				written += size
			}
		}
	}
	return s, written
}
