//go:build js && wasm

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"syscall/js"
)

// exports are the functions that pages find in their global scope; each file adds its own in init.
var exports = map[string]js.Func{}

// export adds a function that answers at once. A panic in it is the answer refusal("fault inside").
func export(name string, f func(args []js.Value) any) {
	exports[name] = js.FuncOf(func(_ js.Value, args []js.Value) (answer any) {
		defer func() {
			if recover() != nil {
				answer = refusal("fault inside")
			}
		}()
		return f(args)
	})
}

// exportAsync adds a function that answers with a Promise and may wait for others. Its error, and a panic in it, reject the
// promise with an Error whose message is the error's text.
func exportAsync(name string, f func(args []js.Value) (any, error)) {
	exports[name] = js.FuncOf(func(_ js.Value, args []js.Value) any { return promise(func() (any, error) { return f(args) }) })
}

// promise runs f beside the event loop, which it must not hold up, and answers with a Promise.
func promise(f func() (any, error)) js.Value {
	var start js.Func
	start = js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject := args[0], args[1]
		go func() {
			defer start.Release()
			answer, err := guarded(f)
			if err != nil {
				reject.Invoke(js.Global().Get("Error").New(err.Error()))
				return
			}
			resolve.Invoke(answer)
		}()
		return nil
	})
	return js.Global().Get("Promise").New(start)
}

// guarded turns a panic into an error that tells nothing of the input.
func guarded(f func() (any, error)) (answer any, err error) {
	defer func() {
		if recover() != nil {
			answer, err = nil, errFault
		}
	}()
	return f()
}

var errFault = errors.New("fault inside")

// await waits for a Promise, or takes any other value as it is. It must not be called from the event loop itself: only from
// what promise and exportAsync run.
func await(p js.Value) (js.Value, error) {
	if p.Type() != js.TypeObject || p.Get("then").Type() != js.TypeFunction {
		return p, nil
	}
	type settled struct {
		value js.Value
		err   error
	}
	done := make(chan settled, 1)
	fulfilled := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{value: first(args)}
		return nil
	})
	defer fulfilled.Release()
	rejected := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{err: jsError(first(args))}
		return nil
	})
	defer rejected.Release()
	p.Call("then", fulfilled, rejected)
	got := <-done
	return got.value, got.err
}

// call calls a method of an object and waits for its promise. What it throws is an error.
func call(object js.Value, method string, args ...any) (answer js.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			var thrown js.Error
			if e, ok := r.(error); ok && errors.As(e, &thrown) {
				answer, err = js.Undefined(), jsError(thrown.Value)
				return
			}
			answer, err = js.Undefined(), fmt.Errorf("posvid-wasm: the page has no method %s", method)
		}
	}()
	return await(object.Call(method, args...))
}

func first(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}

// jsError is what a promise was rejected with, by name alone: messages of a browser may repeat its input.
func jsError(v js.Value) error {
	name := "unknown"
	if v.Type() == js.TypeObject && v.Get("name").Type() == js.TypeString {
		name = v.Get("name").String()
	}
	return fmt.Errorf("posvid-wasm: the browser refused: %s", name)
}

// bytesOf copies a Uint8Array (or null, which is nil) of at most limit bytes.
func bytesOf(v js.Value, limit int) ([]byte, error) {
	if v.IsNull() || v.IsUndefined() {
		return nil, nil
	}
	if !v.InstanceOf(js.Global().Get("Uint8Array")) {
		return nil, errors.New("posvid-wasm: want a Uint8Array")
	}
	n := v.Get("byteLength").Int()
	if n > limit {
		return nil, fmt.Errorf("posvid-wasm: %d bytes, want at most %d", n, limit)
	}
	data := make([]byte, n)
	js.CopyBytesToGo(data, v)
	return data, nil
}

// jsBytes copies bytes into a new Uint8Array.
func jsBytes(data []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(data))
	js.CopyBytesToJS(v, data)
	return v
}

// refusal is an answer without a result.
func refusal(why string) string {
	out, _ := json.Marshal(map[string]string{"error": why}) // two texts always encode
	return string(out)
}
