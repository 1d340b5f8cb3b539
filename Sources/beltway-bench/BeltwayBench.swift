// SPDX-License-Identifier: Apache-2.0
@main struct BeltwayBench { static func main() {} }
