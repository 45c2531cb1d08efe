package flags

import "github.com/urfave/cli/v2"

// Content are those of the commands that read what an image holds.
func Content() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "platform", Usage: "`OS/ARCH[,...]` work on these platforms instead of all"},
		&cli.StringFlag{Name: "cache-dir", Usage: "`DIR` keep what is known of layers there; runs may share it (default: $PYIMG_CACHE_DIR, else pyimg in the user's cache folder)"},
	}
}

// JSON asks for a result for machines.
func JSON() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print the result as JSON"} }

// Keyring are the flags that say whose signatures count.
func Keyring() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "keyring", Usage: "`DIR|FILE` trust a key, or the *.pub keys in a folder, in addition to Alpine's own"},
		&cli.BoolFlag{Name: "allow-untrusted", Usage: "do not ask for signatures"},
		&cli.StringFlag{Name: "base", Usage: "`OLD` the bundle that a delta was made since"},
		&cli.StringSliceFlag{Name: "key", Usage: "`FILE` demand that this public key signed the bundle; one of several"},
		&cli.StringFlag{Name: "id", Usage: "`ID` demand that the bundle is the one that \"bundle create\" printed this of"},
	}
}
