package lab

// SetDefault sets a sysctl at the story's start, to make a wait short, unless
// the user has set it: then it does nothing. As ever, a later part of the story
// reads back what is in force.
func (h *Host) SetDefault(key, value string) {
	if !h.given(key) {
		h.SetSysctl(key, value)
	}
}

// given tells whether the user has set a sysctl of the host, by --sysctl or by
// a flag of the lab's own.
func (h *Host) given(key string) bool {
	for _, s := range append(h.run.knobSysctls(), h.run.options.Sysctls...) {
		if (s.Side == "" || s.Side == h.name) && s.Key == key {
			return true
		}
	}
	return false
}
