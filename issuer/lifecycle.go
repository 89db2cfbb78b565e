package issuer

// Ground (підстава) is why the state of an ID changed. The zero value is none and is refused.
type Ground uint8
