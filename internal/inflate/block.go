package inflate

import (
	"encoding/binary"
	"io"
)

// fixed sets the codes of blocks that have none of their own (RFC 1951, 3.2.6).
func (d *Decoder) fixed() {
	lengths := d.lengths[:288]
	for i := range lengths {
		switch {
		case i < 144 || i > 279:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	d.literals.build(lengths, literalBits, false, lengthEntry)
	lengths = d.lengths[:32]
	for i := range lengths {
		lengths[i] = 5
	}
	d.distances.build(lengths, distanceBits, false, distanceEntry)
}

// dynamic reads the codes of a block (RFC 1951, 3.2.7).
func (d *Decoder) dynamic() error {
	literals, distances, n := int(d.take(5))+257, int(d.take(5))+1, int(d.take(4))+4
	if literals > 286 || distances > 30 {
		return ErrDamaged
	}
	var lengths [19]uint8
	for i := range n {
		if err := d.need(); err != nil {
			return err
		}
		lengths["\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"[i]] = uint8(d.take(3))
	}
	const codeBits = 7
	t := &d.distances // not in use yet
	if !t.build(lengths[:], codeBits, false, func(symbol int) entry { return entry(symbol) << 16 }) || !isWhole(lengths[:]) {
		return ErrDamaged
	}
	all := d.lengths[:literals+distances]
	for i := 0; i < len(all); {
		if err := d.need(); err != nil {
			return err
		}
		e := t.entries[d.bits&(1<<codeBits-1)]
		d.take(uint(e & 63))
		value, times := uint8(e>>16), 1
		switch value {
		case 16:
			if i == 0 {
				return ErrDamaged
			}
			value, times = all[i-1], 3+int(d.take(2))
		case 17:
			value, times = 0, 3+int(d.take(3))
		case 18:
			value, times = 0, 11+int(d.take(7))
		}
		if i+times > len(all) {
			return ErrDamaged
		}
		for range times {
			all[i] = value
			i++
		}
	}
	if all[256] == 0 || !d.literals.build(all[:literals], literalBits, false, lengthEntry) || !d.distances.build(all[literals:], distanceBits, true, distanceEntry) {
		return ErrDamaged
	}
	return nil
}

// isWhole reports whether codes of these lengths are complete. zlib wants that of the codes of lengths.
func isWhole(lengths []uint8) bool {
	var counts [maxCode + 1]int
	for _, n := range lengths {
		counts[n]++
	}
	return complete(&counts)
}

// block decodes the symbols of a block, up to its end or until out is full.
func (d *Decoder) block() error {
	for d.outPos < outSize {
		if err := d.need(); err != nil {
			return err
		}
		ended, err := d.run()
		if err != nil {
			if d.overran() {
				return io.ErrUnexpectedEOF // the zeros behind the end mean nothing
			}
			return err
		}
		if ended {
			return d.ended()
		}
	}
	return nil
}

// run decodes symbols while the margins of both buffers last, or to the end of the block. Its state is in local variables, which
// the compiler keeps in registers; so it calls nothing. The next entry is looked up before bits is filled again, so that the processor
// does both at once. After a match count may be 8, fewer than the 10 bits of a look-up: the others are in bits all the same, because
// filling it adds whole 8 bytes.
func (d *Decoder) run() (ended bool, err error) {
	in, out, inPos, outPos, bits, count := d.in, d.out, d.inPos, d.outPos, d.bits, d.count
	literals, distances := &d.literals.entries, &d.distances.entries
	inStop := d.inEnd - inMargin/2
	if d.eof {
		inStop = d.inEnd + inMargin/2 - 8
	}
	e := literals[bits&(1<<literalBits-1)]
	for {
		bits |= binary.LittleEndian.Uint64(in[inPos:inPos+8:inPos+8]) << (count & 63)
		inPos += int(7 - count>>3&7)
		count |= 56
		if e&isLiteral != 0 {
			// Four literals of a first table take 40 bits at most.
			bits >>= e & 63
			count -= uint(e)
			out[outPos] = byte(e >> 16)
			outPos++
			e = literals[bits&(1<<literalBits-1)]
			if e&isLiteral != 0 {
				bits >>= e & 63
				count -= uint(e)
				out[outPos] = byte(e >> 16)
				outPos++
				e = literals[bits&(1<<literalBits-1)]
				if e&isLiteral != 0 {
					bits >>= e & 63
					count -= uint(e)
					out[outPos] = byte(e >> 16)
					outPos++
					e = literals[bits&(1<<literalBits-1)]
					if e&isLiteral != 0 {
						bits >>= e & 63
						count -= uint(e)
						out[outPos] = byte(e >> 16)
						outPos++
						if inPos < inStop && outPos < outSize {
							e = literals[bits&(1<<literalBits-1)]
							continue
						}
						break
					}
				}
			}
			bits |= binary.LittleEndian.Uint64(in[inPos:inPos+8:inPos+8]) << (count & 63)
			inPos += int(7 - count>>3&7)
			count |= 56
		}
		if e&(isSecond|isEnd|isInvalid) != 0 {
			if e&isSecond != 0 {
				bits >>= e & 63
				count -= uint(e)
				e = literals[(uint(e>>16)+uint(bits)&(1<<(e>>8&15)-1))%uint(len(literals))]
				if e&isLiteral != 0 {
					bits >>= e & 63
					count -= uint(e)
					out[outPos] = byte(e >> 16)
					outPos++
					if inPos < inStop && outPos < outSize {
						e = literals[bits&(1<<literalBits-1)]
						continue
					}
					break
				}
			}
			if e&(isEnd|isInvalid) != 0 {
				bits >>= e & 63
				count -= uint(e)
				if ended = e&isEnd != 0; !ended {
					err = ErrDamaged
				}
				break
			}
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		count -= uint(e)

		e = distances[bits&(1<<distanceBits-1)]
		if e&isSecond != 0 {
			bits >>= e & 63
			count -= uint(e)
			e = distances[(uint(e>>16)+uint(bits)&(1<<(e>>8&15)-1))%uint(len(distances))]
		}
		from := outPos - int(e>>16) - int(bits&(1<<(e&63)-1)>>(e>>8&15))
		if e&isInvalid != 0 || from < 0 {
			bits >>= e & 63
			count -= uint(e)
			err = ErrDamaged
			break
		}
		bits >>= e & 63
		count -= uint(e)
		e = literals[bits&(1<<literalBits-1)]

		// A match is written in long steps, and up to 15 bytes too many.
		end := outPos + length
		switch {
		case outPos-from >= 16:
			for {
				source, target := out[from:from+16:from+16], out[outPos:outPos+16:outPos+16]
				first, second := binary.LittleEndian.Uint64(source), binary.LittleEndian.Uint64(source[8:])
				binary.LittleEndian.PutUint64(target, first)
				binary.LittleEndian.PutUint64(target[8:], second)
				if outPos += 16; outPos >= end {
					break
				}
				from += 16
			}
		case outPos-from >= 8:
			for {
				binary.LittleEndian.PutUint64(out[outPos:outPos+8:outPos+8], binary.LittleEndian.Uint64(out[from:from+8:from+8]))
				if outPos += 8; outPos >= end {
					break
				}
				from += 8
			}
		case outPos-from == 1:
			fill := uint64(out[from]) * 0x0101010101010101
			for ; outPos < end; outPos += 8 {
				binary.LittleEndian.PutUint64(out[outPos:outPos+8:outPos+8], fill)
			}
		default:
			for ; outPos < end; outPos, from = outPos+1, from+1 {
				out[outPos] = out[from]
			}
		}
		outPos = end
		if inPos >= inStop || outPos >= outSize {
			break
		}
	}
	d.inPos, d.outPos, d.bits, d.count = inPos, outPos, bits, count&63
	return ended, err
}
