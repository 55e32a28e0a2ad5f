enum LoadBenchmark { static func run() async throws {} }
