package lab

// Instruments are a host's, for tests that put faulty ones in their stead.
type Instruments = instruments

// Faulty returns options with which change gets at each host's instruments
// before the story begins.
func Faulty(o Options, change func(host string, i *Instruments)) Options {
	o.faulty = change
	return o
}
