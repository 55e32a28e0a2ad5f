/// What APIs answer.
enum Samples {
    /// Of DescribeInstances of Amazon EC2, two reservations.
    static let instances = """
        <?xml version="1.0" encoding="UTF-8"?>
        <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
            <requestId>8f7724cf-496f-496e-8fe3-example</requestId>
            <reservationSet>
                <item>
                    <reservationId>r-1234567890abcdef0</reservationId>
                    <ownerId>123456789012</ownerId>
                    <groupSet/>
                    <instancesSet>
                        <item>
                            <instanceId>i-1234567890abcdef0</instanceId>
                            <imageId>ami-bff32ccc</imageId>
                            <instanceState>
                                <code>16</code>
                                <name>running</name>
                            </instanceState>
                            <privateDnsName>ip-192-168-1-88.eu-west-1.compute.internal</privateDnsName>
                            <dnsName>ec2-54-194-252-215.eu-west-1.compute.amazonaws.com</dnsName>
                            <reason/>
                            <keyName>my_keypair</keyName>
                            <amiLaunchIndex>0</amiLaunchIndex>
                            <instanceType>t2.micro</instanceType>
                            <launchTime>2018-05-08T16:46:19.000Z</launchTime>
                            <placement>
                                <availabilityZone>eu-west-1c</availabilityZone>
                                <tenancy>default</tenancy>
                            </placement>
                            <privateIpAddress>192.168.1.88</privateIpAddress>
                            <ipAddress>54.194.252.215</ipAddress>
                            <tagSet>
                                <item>
                                    <key>Name</key>
                                    <value>Server_1 &amp; &quot;db&quot;</value>
                                </item>
                                <item>
                                    <key>role</key>
                                    <value>db</value>
                                </item>
                            </tagSet>
                            <ebsOptimized>false</ebsOptimized>
                        </item>
                    </instancesSet>
                </item>
                <item>
                    <reservationId>r-0abcdef1234567890</reservationId>
                    <ownerId>123456789012</ownerId>
                    <groupSet/>
                    <instancesSet>
                        <item>
                            <instanceId>i-0abcdef1234567890</instanceId>
                            <instanceState>
                                <code>80</code>
                                <name>stopped</name>
                            </instanceState>
                            <instanceType>m5.large</instanceType>
                            <tagSet/>
                        </item>
                        <item>
                            <instanceId>i-0598c7d356eba48d7</instanceId>
                            <instanceState>
                                <code>16</code>
                                <name>running</name>
                            </instanceState>
                            <instanceType>m5.large</instanceType>
                            <tagSet/>
                        </item>
                    </instancesSet>
                </item>
            </reservationSet>
        </DescribeInstancesResponse>
        """

    /// Two namespaces that use the same names.
    static let envelope = """
        <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="urn:a">
            <s:Header><a:id s:kind="outer" kind="inner">1</a:id></s:Header>
            <s:Body><id xmlns="urn:b">2</id><id>3</id></s:Body>
        </s:Envelope>
        """
}
