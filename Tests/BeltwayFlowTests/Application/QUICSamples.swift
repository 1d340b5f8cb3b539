// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Datagrams of a connection of QUIC version 2 with itself, from suricata-verify's `quic-v2` (MIT).
enum QUICSamples {
    /// The client's first: an Initial with its hello.
    static let client = decoded(
        """
        0WszQ88SCsUD6YCO/xyoo+bLLPCjlAafBFG5DT0ARMSCuCLkVWnJ9vABeOlGJoid9Oba1oQz22ouCaG3KcqEYIZ9w0m2z5AvB/hb
        mSkUbnwhNblG0O8yJSdPQoKHHuDyZ3jLmMk2e+20cjLs6rHJ3hZC34Sm5EvpvMRJRXbWvn8ziJ99bMUUL5jJc0L0ofI8WZk0uOIf
        y/trAXN2EDyKwAdRuVyDUb3296yaUA0qquT+khqSlGCakCyoDoS+NjN55pqR3/ch38nRu3V5MOWWVDOGArUBvCbgG/EmWB39Xcxw
        OExTHNxrDvlvyXa215IbdLYPPV3kPHo5IqYIPY7Ljre8IYJloeY+1rvOrs3aSCShlLyw10bIw4ozXO4aQmAH3W5CTy8x3n90ninz
        pMfdlfMuoffhcdqPtDZc/ma3KrYNX1acxT4XudvOE6yehYRup3upcI2Z3Rh2nXPi9UlPYS+ZaixmwXVLyTLbUdBLFR0tvxFEJqY4
        OFoEW9cyv5FgDdSVnJxi5rdc3VQZBQTyxVyT0qzpgg64K8dTNkbBiiLTVVhB3IDtQFHBeqJl4oyUxHNrfqkqx3UtTeFoLG3JAh5s
        t+8f9u6TWeZTNiwbRuZQAIA53T84rTKOaLfNmxrT8B84Zrpr+G7PDfeP7ihU0uJbL92p26zmKz84SojDf7yCXTj4xpQILANDKWAi
        5TnsIHQvy/tWlVG8x93uhtA4O/KibxE4VhhgdYvauLymEFkDl2CYLl9OL/HhfLUhujsrYA0YSbMCkZh3q70TW2bwBKp1sxjiXhkC
        UtfPHikurau2RnI+wjYL2LwBKktSmZW2MdktDbKv3zqDLkJEHh5yk53XFQoQibwf/G2FVAYXq1LEAng9GenmUlJxOdcCPIaShhbO
        vDS6VgffPBX/pHv69kbIyg91az9/FoaFe0NreqKp6p3hwR9JfkummrC59nwoxcO8BorYqi1XrEr1rium3H5nmD830D5YiuUfaP6v
        QDmnut1WsD3Ea0XJHcLVcN3ok3e0SYtXKsYmttCnACRIwj1okeZsPOzd24vec3gqQrK0XkJ9khWNWeIZ0i8nH5g6XQHdI7DvSC26
        3dcM+mhXNlVcgc8LyEhQVORvNtVyi+U7LZzuVr41tRA+/VCVwfYMMHwoH7aSaDA4J95mdqv6rEzs/a0bSvQ0DUVr8xXaXBut0F9W
        +j8Uy678RHb2lvmAH63qwYSvYXij7p6VFS8F3q79yDjZp9UE7u6swRPYe4wWU59uf5AwpI4DX71dYrxaz+SfWcZKRCIBW+lSCVTE
        56g8NVwWdr3ct//mJ+4YWuxpMW1iIskkJwpwwJolK77L+U3OJBogkOXABvX/HCt6orYTG4aEwhIFmAob1HClBGy9gPBAJeOsUim6
        obfLgtuBbfHZ0JHWM8qiigWAyB0MdGfQhC/Ql3QY/nnl07u2XfBl0LY2ER/zH0eF1mh/UVuK8JnOkPGHoRBSdB7VaW06980MTuC7
        bexLaAuhcKM1kfD1zpOS5imkfvhIyip0E02FIV8kIiKwbq+Rxz1ylMeCw0lrqOJJVTASfPDmGkV6XMewEfNsMBObtr0k7tdSbyVi
        GC0EtsXHotSZ5EODrtvSW1/zvML/fjcV1WTZoiBFOekZkOB2/HPMhKTP65LoC7bdrok1kw==
        """
    )

    /// The server's answer: an Initial with its hello, and a Handshake packet.
    static let server = decoded(
        """
        0WszQ88EUbkNPQToNkvdAEB1w3cvLYwAfxxkf1Rxf3IqjpVTuqfg/213k8Do0Dv2t4LSQmGQ01J1vQc3FZWxafDnxei3m427IXeg
        RpSy0ErAuODPoL1l1OG9nqFiS+EeKqPreKHVel5cARKMm/jmUXzYl4+Po/Qo+MXaB3ZUst2et2S0lNrY/mszQ88EUbkNPQToNkvd
        REzmVNYemsEhhyyJ7Xgp5jyN6P2jyeLVCZq+Y9SeBcMlLUHe8z5EUFyO4St/a5H/W18dOwW6ZmYHeQXCPSIUxP20fOcVU6bymwUo
        MP/QNTfvL634DFvSyStABFpVXTIzXu2KkX/e2NVSLQYRmTDClywZ8fPglplDtamtM4o+wvZcBRvLAy0ihVnbbc7dI2o7Vg86li2x
        CTG9S0RyKxls7/bG6U5hBLdRFfjOHhRbmuzAg0eGZBK0OhL9yN0l4D5dECMKgaf36bA3Pv5ECFZdWVTdezICY1JZIS5mw/ttrdIl
        FZCZI3AFQLYgAEa9i2zqhpI2Qwooj8tqrYDIZW+Yrhg3djvreABdU6aGFR3jsgpeItteoFcl4hoe6pGAEnaYsAOIgintkH+yEtGU
        kayWYTQVrKaGnuOVbLG+HR5JUPMfply8kSLfv0mMeM+mA9MgwohdLLrW3rRSzSodFNWY9C/1necnWCosNan4LGTgvioEbMxIHFA5
        QkIV98FLYwELkfl0UJCsOI2E27fm4N7MtkII4bZ+7NrsXMu2rcQidMfANUo4TMW1lIjvE30hLzFUMvAcyeDRRLNS1rUXbHtCg5h1
        r+P1lceu6JJbwHxZkJbx/ATSXtBuqn4il86+K2Et1IzIUT59d32nafDgjGw+gvvYv3ebym3IUDuTlP8MM3hLNX2S3fW+Tzzmel5U
        XEEofN6uiAbbA0F3ALmCZGGAU9DJgafakC1RF2xDVrAWeX3xrUX8Pf6dBYoLDZDdjCp7CyK9ABmhqJ8CnLUhkFo21TX+VMKm8JDp
        hwlwCeE4HqPjPbW76eDj4cr1hWiZtwR3Ng3AgZvsznAsL/1d5Y+CCFGtsnUqVOGe5bSlmh+dA6i4R3HN+UmuLhG7DtNwVuprlL8P
        2Mawq39+JbD8L3tft9FZz0cZLuPOHlX3pKGaXy3XVGXwu9RYySZibzJZPBdRPzq5mtN4O7gxXWuYUcGEb2Y5q7ufGMfGjIMKNwAW
        Yx6aMWyCxA/OakSG64G0wib3MlcxbgZD9QCF8XKQFAw7UGxbX3ZK3jF25TkbspUEGJZqcnCN06E5NLIFrCGYdY414hUKGTCLk+XH
        95G4cOzfSU6tI1TsAZFc2R4yopKM/JVORjHEROmvCOYmjcoVFLq8Punkhf7b15wvBzWxVss+FNijoNaqJ+vlVzn7UZUJ7s2faz81
        8jXwDO+Wp25h0Jsc7rHxH66rPYqyozvgJiEmgJK9lzsR4mPEj97Iy8Wq0K0ucRmLetzH5Xk5e+gJTtqgt+y2asWFjIIgZ+KRl0JN
        jSe8RazEaOZmY6pJFWhQGPX3uW7JAeuz2v7Y/QxybcQ/B6Hp7vUKPupNRfWGtKYbb4ZUXvzsZig3hsEfNIMXQIqwx/UXPezv297S
        LGWtEFFILCjRuLZwNX4oIjWHqIm+196Lyei6qYoy7dJS14uwXlLX27Qoe5VKFQaRl2q7tg==
        """
    )

    private static func decoded(_ text: String) -> [UInt8] {
        Array(Data(base64Encoded: text, options: .ignoreUnknownCharacters) ?? Data())
    }
}
