/// Asks others over HTTP, by libcurl: `HTTP.Client` sends an `HTTP.Request`.
package enum HTTP {}
