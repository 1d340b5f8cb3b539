// SPDX-License-Identifier: Apache-2.0
@main struct Beltway { static func main() {} }
